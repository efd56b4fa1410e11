using InferenceServer.Kernels;

namespace InferenceServer.Cli.Evaluate;

/// <summary>How far the probability of a label is from how often such labels are right, and which temperature brings both
/// together (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).</summary>
/// <remarks>Counts every fourth pixel of every fourth row: neighbours tell the same.</remarks>
internal sealed class Calibration(int classes)
{
    private const int Bins = 15;
    private const int Stride = 4;
    private const int StepsOfOctave = 16;
    private const float Least = 1e-12f; // a probability of 0 has no logarithm

    // A quarter to four times the temperature that serves, the last one among them.
    private readonly Candidate[] _candidates =
    [
        .. Enumerable.Range(-2 * StepsOfOctave, (4 * StepsOfOctave) + 1)
            .Select(step => new Candidate(Math.Pow(2, (double)step / StepsOfOctave)))
    ];

    private long _pixels;

    /// <summary>Counts an image.</summary>
    /// <param name="truth">True labels, HW.</param>
    /// <param name="size">Size of the image.</param>
    /// <param name="probabilities">CHW.</param>
    /// <param name="ignore">The void label.</param>
    public void Add(ReadOnlySpan<byte> truth, ImageSize size, ReadOnlySpan<float> probabilities, byte ignore)
    {
        Span<float> logits = stackalloc float[classes];
        for (int y = 0; y < size.Height; y += Stride)
        {
            for (int x = 0; x < size.Width; x += Stride)
            {
                int pixel = (y * size.Width) + x;
                if (truth[pixel] != ignore && truth[pixel] < classes)
                {
                    int best = 0;
                    for (int c = 0; c < classes; c++)
                    {
                        logits[c] = MathF.Log(Math.Max(probabilities[(c * (int)size.Pixels) + pixel], Least));
                        if (logits[c] > logits[best])
                        {
                            best = c;
                        }
                    }

                    Add(logits, best, truth[pixel]);
                }
            }
        }
    }

    /// <summary>The result; null where no pixel counts.</summary>
    /// <param name="temperature">The temperature that serves.</param>
    public CalibrationScore? Score(float temperature)
    {
        if (_pixels == 0)
        {
            return null;
        }

        Candidate served = _candidates[_candidates.Length / 2], best = _candidates.MinBy(c => c.Loss)!;
        return new CalibrationScore(
            temperature, served.Error(_pixels), Math.Round(temperature * best.Factor, 3), best.Error(_pixels))
        {
            IsBound = best == _candidates[0] || best == _candidates[^1],
        };
    }

    private void Add(ReadOnlySpan<float> logits, int best, int truth)
    {
        _pixels++;
        foreach (Candidate candidate in _candidates)
        {
            float sum = 0, inverse = (float)(1 / candidate.Factor);
            foreach (float logit in logits)
            {
                sum += MathF.Exp((logit - logits[best]) * inverse);
            }

            candidate.Add(1 / sum, best == truth, MathF.Log(sum) - ((logits[truth] - logits[best]) * inverse));
        }
    }

    private sealed class Candidate(double factor)
    {
        private readonly double[] _excess = new double[Bins]; // sum of confidences less sum of right labels

        public double Factor => factor;

        /// <summary>Negative logarithm of the truth's probability, summed over pixels.</summary>
        public double Loss { get; private set; }

        public void Add(float confidence, bool isRight, double loss)
        {
            Loss += loss;
            _excess[Math.Min((int)(confidence * Bins), Bins - 1)] += confidence - (isRight ? 1 : 0);
        }

        public double Error(long pixels) => _excess.Sum(Math.Abs) / pixels;
    }
}

/// <summary>The expected calibration error, of 15 bins of confidence, 0 to 1.</summary>
/// <param name="Temperature">The temperature that serves.</param>
/// <param name="Error">The error with it.</param>
/// <param name="BestTemperature">The temperature, of steps of 4 %, at which the truth is likeliest.</param>
/// <param name="BestError">The error with that one.</param>
internal sealed record CalibrationScore(float Temperature, double Error, double BestTemperature, double BestError)
{
    /// <summary>Whether the best temperature is the least or the largest that was tried.</summary>
    public bool IsBound { get; init; }
}
