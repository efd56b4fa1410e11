"""What is done to ONNX graphs: export from PyTorch, half precision, 8-bit quantisation."""
