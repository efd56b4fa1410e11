"""What every system of the zoo is: a network, and what a server must know to feed it and to read it."""
from torch import nn

from .blocks import resize


class System(nn.Module):
    """Image N×C×H×W in, logits N×n×h×w out, on the grid that the network itself ends on.

    What the graph cannot say goes into the manifest: strides, corner rule, family of normalisation, legal sizes.
    """

    channels = 3  # of the image
    output_stride = 1  # input pixels for one output pixel …
    output_scale = 1  # … or output pixels for one input pixel, of super-resolving systems
    align_corners = False  # corner rule of the last upsampling
    preprocess = "imagenet"  # a family of preprocessing.py
    multiple, offset, minimum = 1, 0, 64  # legal heights and widths: multiple·k + offset
    fixed = None  # [H, W] of a network that takes no other

    @property
    def size(self):
        """The manifest's `preprocess.size`."""
        if self.fixed:
            return {"multiple": 1, "fixed": self.fixed, "min": min(self.fixed)}
        return {"multiple": self.multiple, **({"offset": self.offset} if self.offset else {}), "min": self.minimum}

    def upsampled(self, x):
        """Logits at the image's own size (at output_scale times it)."""
        logits = self(x)
        return logits if self.output_stride == 1 else resize(logits, x.shape[-2:], self.align_corners)
