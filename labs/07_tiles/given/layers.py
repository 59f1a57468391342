"""Layers and machines for lab 7, as plain dictionaries.

P and Q are output rows and columns; R and S filter rows and columns; the input rows follow from them.
Sources: AlexNet: Krizhevsky, Sutskever, Hinton, NeurIPS 2012. VGG-16: Simonyan, Zisserman, ICLR 2015.
"""

conv3 = dict(N=1, M=384, C=256, P=13, Q=13, R=3, S=3, stride=1)  # AlexNet's third layer, one image
vgg = dict(N=1, M=64, C=64, P=224, Q=224, R=3, S=3, stride=1)  # VGG-16's second layer, one image
small = dict(N=1, M=24, C=10, P=13, Q=12, R=3, S=3, stride=1)  # small enough for quick tries
tiny = dict(N=1, M=4, C=2, P=4, Q=6, R=3, S=2, stride=1)  # a tile small enough to draw

# 51,200 words of 16 bits are what Eyeriss's global buffer has for data (Chen et al., JSSC 2017).
# The two other choices, 32-bit sums and two copies of each tile, are this lab's.
wide = dict(ifmap=16, filter=16, ofmap=32)
eyeriss = dict(capacity=51_200, word=16, bits=wide, double=True)
scant = dict(capacity=1_600, word=16, bits=wide, double=False)
