"""Writes a GGUF file again with its matrices in another format, for the reports that compare formats.

    pip install gguf
    python3 reports/requantize.py SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2-135M-Instruct.Q8_0.gguf Q8_0

Weights that were rounded to 4 bits stay so: the new file is as slow to read as any of its format, and no better.
"""

import sys

import gguf
import numpy as np


def main(source: str, target: str, format_name: str) -> None:
    reader = gguf.GGUFReader(source)
    kind = gguf.GGMLQuantizationType[format_name]
    file_type = gguf.LlamaFileType[f"MOSTLY_{format_name}"]
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())

    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue  # the writer has them already
        value = int(file_type) if field.name == "general.file_type" else field.contents()
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, field.types[0], sub_type=element)

    matrices = []
    for tensor in reader.tensors:
        is_quantized = tensor.tensor_type not in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
        data, data_type = tensor.data, tensor.tensor_type
        if is_quantized:
            weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            data, data_type = gguf.quants.quantize(weights, kind), kind
        writer.add_tensor_info(tensor.name, data.shape, data.dtype, data.nbytes, raw_dtype=data_type)
        matrices.append(data)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for data in matrices:
        writer.write_tensor_data(data)
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
