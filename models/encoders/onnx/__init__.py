"""V-JEPA 2 as an ONNX file, and ONNX Runtime."""
