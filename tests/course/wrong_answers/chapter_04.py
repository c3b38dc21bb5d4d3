"""Wrong answers to the exercises of chapter 4: each check must say "Not yet" to all of them."""


# 04-1 constant
def unevenness(kernel, stride):
    return 1


# 04-1 no-op
def unevenness(kernel, stride):
    return stamps(kernel, stride, count=20)


# 04-1 hard-coded
def unevenness(kernel, stride):
    return {3: 1, 4: 0, 5: 1, 6: 0, 7: 1, 2: 0, 8: 0}.get(kernel, 0)


# 04-1 with the ends
def unevenness(kernel, stride):
    overlap = stamps(kernel, stride, count=20)
    return overlap.max() - overlap.min()


# 04-1 odd kernels
def unevenness(kernel, stride):
    return kernel % 2


# 04-1 remainder
def unevenness(kernel, stride):
    return kernel % stride


# 04-1 stride 2 alone
def unevenness(kernel, stride):
    overlap = stamps(kernel, count=20)[kernel:-kernel]
    return overlap.max() - overlap.min()


# 04-1 largest number of stamps
def unevenness(kernel, stride):
    return stamps(kernel, stride, count=20)[kernel:-kernel].max()


# 04-2 constant
def enlarge(x, width):
    return keras.ops.zeros((1, 32, 32, width))


# 04-2 no-op
def enlarge(x, width):
    return x


# 04-2 hard-coded
def enlarge(x, width):
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(64, 1)(x))
    return layers.DepthwiseConv2D(3, padding="same")(x)


# 04-2 transposed with an even kernel
def enlarge(x, width):
    return layers.Conv2DTranspose(width, 4, strides=2, padding="same")(layers.Conv2D(width // 4, 1)(x))


# 04-2 full convolution behind
def enlarge(x, width):
    return layers.Conv2D(width, 3, padding="same")(layers.UpSampling2D(2, interpolation="bilinear")(x))


# 04-2 channels dropped
def enlarge(x, width):
    return layers.UpSampling2D(2, interpolation="bilinear")(x)[..., :width]


# 04-2 transposed depthwise steps
def enlarge(x, width):
    x = layers.Conv2D(8, 1)(x)
    return layers.Conv2DTranspose(width, 3, strides=2, padding="same")(x)


# 04-2 enlarged without channels
def enlarge(x, width):
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return layers.DepthwiseConv2D(3, padding="same")(x)


# 04-3 constant
def count_inverted_residual(side, inputs, width, expansion):
    return 3_624_960


# 04-3 no-op
def count_inverted_residual(side, inputs, width, expansion):
    return 0


# 04-3 hard-coded
def count_inverted_residual(side, inputs, width, expansion):
    wide = 4 * inputs
    return side**2 * (inputs * wide + 9 * wide + wide * width)


# 04-3 separable
def count_inverted_residual(side, inputs, width, expansion):
    return expansion * separable(side, 3, inputs, width)


# 04-3 full convolution in the middle
def count_inverted_residual(side, inputs, width, expansion):
    wide = expansion * inputs
    return side**2 * (inputs * wide + 9 * wide * wide + wide * width)


# 04-3 narrowing forgotten
def count_inverted_residual(side, inputs, width, expansion):
    wide = expansion * inputs
    return side**2 * (inputs * wide + 9 * wide)


# 04-3 filter forgotten
def count_inverted_residual(side, inputs, width, expansion):
    wide = expansion * inputs
    return side**2 * (inputs * wide + wide * width)


# 04-3 side not squared
def count_inverted_residual(side, inputs, width, expansion):
    wide = expansion * inputs
    return side * (inputs * wide + 9 * wide + wide * width)


# 04-3 widened outputs
def count_inverted_residual(side, inputs, width, expansion):
    wide = expansion * width
    return side**2 * (inputs * wide + 9 * wide + wide * width)


# 04-2 Keras's separable convolution on the large side
def enlarge(x, width):
    return layers.SeparableConv2D(width, 3, padding="same")(layers.UpSampling2D(2)(x))
