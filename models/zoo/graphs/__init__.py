"""What is done to ONNX graphs: export from PyTorch, half precision, and a run in PyTorch for the tests."""
