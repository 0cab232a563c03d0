//! GGUF, the file a model lives in: a header, a dictionary of metadata, a list of tensors, then their bytes.
