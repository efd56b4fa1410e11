"""Writes upsampling/: small score grids (CHW, float32) and PyTorch's bilinear enlargement of them.

Run with a Python that has PyTorch (1.13): /usr/bin/python3 make_upsampling_goldens.py
"""
import gzip
import pathlib

import torch

OUT = pathlib.Path(__file__).parent / "upsampling"
CASES = [((12, 9), (48, 36)), ((9, 7), (72, 56)), ((11, 6), (37, 23)), ((1, 5), (8, 5)), ((20, 10), (13, 7))]  # width, height


def write(name, tensor):
    data = tensor.contiguous().numpy().astype("<f4").tobytes()
    (OUT / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))


OUT.mkdir(exist_ok=True)
for grid, size in CASES:
    torch.manual_seed(grid[0])
    scores = torch.randn(1, 3, grid[1], grid[0]) * 4
    write(f"scores-{grid[0]}x{grid[1]}", scores)
    for align in (False, True):
        enlarged = torch.nn.functional.interpolate(scores, (size[1], size[0]), mode="bilinear", align_corners=align)
        write(f"{'corners' if align else 'half'}-{grid[0]}x{grid[1]}-{size[0]}x{size[1]}", enlarged)
