// What the caller hands over: a stack of transformer layers and one evaluation of it.
//
// Everything is float32 and row-major; nothing is owned here.  `lead/kernels/native.py` has the same structures for
// ctypes.
#pragma once
#include <cstdint>

extern "C" {

// The version of these structures and of the functions; a library with another version is not used.
constexpr int64_t LAYOUT = 3;

// y = W x + b; if `rank` is not 0, also the low-rank addition of `lead.networks.lora`: y += up (strength * (down x)).
struct Matrix {
    int64_t inputs, outputs, rank;
    const float *panels;          // W and b, packed by `pack`
    const float *down, *up;       // [rank, inputs] and [outputs, rank], packed likewise
    const float *strengths;       // [batch, rank]
};

struct Norm {
    const float *gain, *shift;    // [width] each
    float eps;
};

struct Layer {
    Matrix join;                  // [x, an earlier layer's output] -> x, in the second half of a skip transformer
    Matrix qkv, out, first, second;
    Norm norm_1, norm_2;
    Matrix value, put;            // attention to one memory token, whose softmax is 1
    Norm norm_memory;
};

enum Activation : int64_t { GELU, QUICK_GELU };

struct Stack {
    const Layer *layers;
    int64_t count, joins;         // the first `joins` layers keep their outputs for the last `joins` layers
    int64_t width, heads, hidden;
    int64_t post_norm;            // norms after each sum (MLD), or before each part
    int64_t causal;               // a token sees itself and the tokens before it
    Activation activation;
    const Norm *last;             // of the stack's output, or null
};

// Consecutive tokens of each sequence.  Those of one sample lie `stride` numbers after those of the sample before it; 0
// if all samples share them.
struct Piece {
    const float *at;              // [tokens, width] of the first sample
    int64_t tokens, stride;
};

struct Call {
    const Piece *pieces;          // x [batch, tokens, width] is all pieces, in order
    int64_t count;
    const uint8_t *mask;          // [batch, tokens]: 0 for keys that are not seen; null if all are
    const float *memory;          // [batch, width], or null
    float *y;                     // [batch, wanted, width]: the outputs of the tokens from `from` on
    int64_t batch, tokens, from, wanted;
    int64_t threads;
};

// The same in 16 bits, with gradients (`half.h`).  Panels are bfloat16; everything else is float32.

struct HalfMatrix {
    int64_t inputs, outputs, rank;
    const uint16_t *panels, *panels_back;  // W and its transpose
    const float *bias;                     // [outputs]
    const float *down, *up;                // [rank, inputs] and, transposed, [rank, outputs]
    const float *strengths;                // [batch, rank]
    float *down_gradient, *up_gradient;    // are added to
};

struct HalfLayer {
    HalfMatrix join, qkv, out, first, second;
    Norm norm_1, norm_2;
};

struct HalfStack {
    const HalfLayer *layers;
    int64_t count, joins, width, heads, hidden, causal;
};

struct HalfCall {
    const float *x;               // [batch, tokens, width]
    const uint8_t *mask;          // [batch, tokens], or null
    float *y;                     // [batch, tokens, width]
    float *kept;                  // memory of `lead_half_kept` numbers
    int64_t batch, tokens, threads;
    int64_t keep;                 // whether gradients will be asked for
    const float *dy;              // the gradient of y, for `lead_half_backward`
    float *dx;
};

}
