"""Score documents with a language model: python score_documents.py MODEL FILE...

MODEL is a llama2.c file, a GGUF file, or a folder of safetensors.
"""

import sys

import skmfast as skm

model, *paths = sys.argv[1:]
lengths = skm.code_length(paths, code=f"lm:{model}", per_document=True)
for path, bits in zip(paths, lengths.per_document, strict=True):
    print(f"{path}: {bits:,.0f} bits")
print(f"all: {lengths.bits_per_byte:.3f} bits a byte")
