/* Convolution with channels last, sizes as in conv_shape.h:
 *
 * x[batch][id][ih][iw][groups * ic]   w[kd][kh][kw][ic][groups * oc]   y[batch][od][oh][ow][groups * oc]
 * What output pixel `at` (counted over the batch) sees of x, as loops over the taps inside the picture: `from` is where that pixel starts. */
#ifndef CONV_LAST_H
#define CONV_LAST_H

#define LAST_PIXEL(at)                                                                                                       \
    u32 first = (at) / ow / oh / od * id;                                                                                   \
    u32 z0 = (at) / ow / oh % od * sd - pd;                                                                                 \
    u32 y0 = (at) / ow % oh * sh - ph;                                                                                      \
    u32 x0 = (at) % ow * sw - pw;

#define LAST_TAPS                                                                                                            \
    for (u32 tap = 0; tap < kd * kh * kw; tap++) {                                                                          \
        u32 iz = z0 + tap / kw / kh * ed;                                                                                   \
        u32 iy = y0 + tap / kw % kh * eh;                                                                                   \
        u32 ix = x0 + tap % kw * ew;                                                                                        \
        if (iz < id && iy < ih && ix < iw) {                                                                                \
            u32 from = (((first + iz) * ih + iy) * iw + ix) * (groups * ic);
#define LAST_TAPS_END                                                                                                        \
        }                                                                                                                   \
    }

#endif
