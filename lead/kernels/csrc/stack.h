// What the caller hands over: a stack of transformer layers and one evaluation of it.
//
// Everything is float32 and row-major; nothing is owned here.  `lead/kernels/native.py` has the same structures for ctypes.
#pragma once
#include <cstdint>

extern "C" {

// Of these structures; a library that was built with others is not used.
constexpr int64_t LAYOUT = 1;

// y = W x + b, and where `rank` is not 0 the low-rank addition of `lead.networks.lora`: y += up (strength * (down x)).
struct Matrix {
    int64_t inputs, outputs, rank;
    const float *panels;          // W and b as `pack` leaves them
    const float *down, *up;       // [rank, inputs] and [outputs, rank], packed likewise
    const float *strengths;       // [batch, rank]
};

struct Norm {
    const float *gain, *shift;    // [width] each
    float eps;
};

struct Layer {
    Matrix join;                  // [x, what an earlier layer kept] -> x, in the second half of a skip transformer
    Matrix qkv, out, first, second;
    Norm norm_1, norm_2;
    Matrix value, put;            // of the attention to one memory token, whose softmax is 1
    Norm norm_memory;
};

enum Activation : int64_t { GELU, QUICK_GELU };

struct Stack {
    const Layer *layers;
    int64_t count, joins;         // of which the first `joins` layers keep their outputs for the last `joins`
    int64_t width, heads, hidden;
    int64_t post_norm;            // norms after each sum (MLD), or before each part
    int64_t causal;               // a token sees those before it and itself
    Activation activation;
    const Norm *last;             // of the stack's output; null where there is none
};

// Some of a sequence's tokens: those of one sample lie `stride` numbers after those of the one before, 0 if all have
// the same.
struct Piece {
    const float *at;              // [tokens, width] of the first sample
    int64_t tokens, stride;
};

struct Call {
    const Piece *pieces;          // of x [batch, tokens, width], one after the other
    int64_t count;
    const uint8_t *mask;          // [batch, tokens]: 0 where a key is not to be looked at; null for none
    const float *memory;          // [batch, width], or null
    float *y;                     // [batch, wanted, width]: the outputs of the tokens from `from` on
    int64_t batch, tokens, from, wanted;
    int64_t threads;
};

}
