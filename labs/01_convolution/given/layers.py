"""Real layers for lab 1, as plain dictionaries.

M and C are the channels of the whole layer. Sources, all as published:
AlexNet (two groups): Krizhevsky, Sutskever, Hinton, NeurIPS 2012. ResNet-50: He et al., CVPR 2016 (stride 2 in the
1x1 layers). MobileNet v1: Howard et al., arXiv:1704.04861, 2017.
"""

conv1 = dict(N=1, G=1, M=96, C=3, H=227, W=227, P=55, Q=55, R=11, S=11, stride=4, pad=0, bias=True)
conv2 = dict(N=1, G=2, M=256, C=96, H=27, W=27, P=27, Q=27, R=5, S=5, stride=1, pad=2, bias=True)
conv3 = dict(N=1, G=1, M=384, C=256, H=13, W=13, P=13, Q=13, R=3, S=3, stride=1, pad=1, bias=True)
conv4 = dict(N=1, G=2, M=384, C=384, H=13, W=13, P=13, Q=13, R=3, S=3, stride=1, pad=1, bias=True)
conv5 = dict(N=1, G=2, M=256, C=384, H=13, W=13, P=13, Q=13, R=3, S=3, stride=1, pad=1, bias=True)
fc6 = dict(N=1, G=1, M=4096, C=256, H=6, W=6, P=1, Q=1, R=6, S=6, stride=1, pad=0, bias=True)
fc7 = dict(N=1, G=1, M=4096, C=4096, H=1, W=1, P=1, Q=1, R=1, S=1, stride=1, pad=0, bias=True)
fc8 = dict(N=1, G=1, M=1000, C=4096, H=1, W=1, P=1, Q=1, R=1, S=1, stride=1, pad=0, bias=True)
alexnet = dict(conv1=conv1, conv2=conv2, conv3=conv3, conv4=conv4, conv5=conv5, fc6=fc6, fc7=fc7, fc8=fc8)

# MobileNet v1's first pair: depthwise, then pointwise. Its biases are in the batch normalisation that follows.
depthwise = dict(N=1, G=32, M=32, C=32, H=112, W=112, P=112, Q=112, R=3, S=3, stride=1, pad=1, bias=False)
pointwise = dict(N=1, G=1, M=64, C=32, H=112, W=112, P=112, Q=112, R=1, S=1, stride=1, pad=0, bias=False)
mobilenet_pair = dict(depthwise=depthwise, pointwise=pointwise)

# ResNet-50's first shortcut with a stride
shortcut = dict(N=1, G=1, M=512, C=256, H=56, W=56, P=28, Q=28, R=1, S=1, stride=2, pad=0, bias=False)

# a layer small enough to draw: 5 rows, 8 columns, a 2x2 filter that moves by 3
tiny = dict(N=1, G=1, M=2, C=3, H=5, W=8, P=2, Q=3, R=2, S=2, stride=3, pad=1, bias=True)
