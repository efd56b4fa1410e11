namespace InferenceServer.Kernels.Normalization;

/// <summary>The order of the colour planes in a model's input.</summary>
public enum ChannelOrder
{
    /// <summary>Red first: PyTorch and TensorFlow weights.</summary>
    Rgb,

    /// <summary>Blue first: weights that came from Caffe, and whatever was trained on bare OpenCV images.</summary>
    Bgr,
}
