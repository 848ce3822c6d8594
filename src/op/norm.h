/* Pieces of normalization that composites share. */
#ifndef NORM_H
#define NORM_H

#include "op/op.h"

typedef struct normalized {
    val y, centred, mean, variance, inverse;
} normalized;

val norm_inverse(build *b, val mean_square, f64 epsilon);    /* 1 / sqrt(mean_square + epsilon) */
val norm_without_mean(build *b, val x, u32 bits, val *mean); /* x - mean over the dimensions in bits */
/* (x - mean) * inverse over the dimensions in bits. */
normalized norm_centred(build *b, val x, u32 bits, f64 epsilon);
/* v[channels] as [channels][1]...: broadcasts against a tensor of that rank whose dimension 1 are the channels. */
val norm_per_channel(build *b, val v, u32 rank);
#endif
