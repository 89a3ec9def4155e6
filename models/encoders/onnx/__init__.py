"""V-JEPA 2 as an ONNX file, run by ONNX Runtime."""
