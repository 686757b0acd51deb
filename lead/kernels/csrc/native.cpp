// Transformer stacks at inference on x86-64: packed weights, one call per stack.  `stack.h` has the structures.
//
// Compiled once for AVX-512 and once for AVX2 with FMA; the machine decides at run time.  It needs no Python and no
// torch.
#if !defined(__x86_64__) || !defined(__GNUC__)
#error "made for x86-64 and GCC or Clang; without this module lead.kernels.linear does the same with torch's operators"
#endif

#include "scratch.h"
#include "stack.h"
#include "team.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <immintrin.h>
#include <utility>
#include <vector>

#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's own headers leave values undefined on purpose
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#ifdef __clang__
#define BEGIN_TARGET_AVX512 \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx2,fma\"))), apply_to = function)")
#define BEGIN_TARGET_AVX2 _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
#define BEGIN_TARGET_BF16 \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bf16,avx2,fma\"))), apply_to = function)")
#define END_TARGET _Pragma("clang attribute pop")
#else
#define BEGIN_TARGET_AVX512 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx2,fma\")")
#define BEGIN_TARGET_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define BEGIN_TARGET_BF16 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bf16,avx2,fma\")")
#define END_TARGET _Pragma("GCC pop_options")
#endif

BEGIN_TARGET_AVX512
namespace avx512 {
#define LEVEL_AVX512 1
#include "vectors.h"
#include "matrix.h"
#include "evaluation.h"
#undef LEVEL_AVX512
}
END_TARGET

BEGIN_TARGET_AVX2
namespace avx2 {
#define LEVEL_AVX512 0
#include "vectors.h"
#include "matrix.h"
#include "evaluation.h"
#undef LEVEL_AVX512
}
END_TARGET

#if __GNUC__ >= 10 || defined(__clang__)
#define HAS_BF16 1
BEGIN_TARGET_BF16
namespace half {
using namespace avx512;
#include "half.h"
}
END_TARGET
#else
#define HAS_BF16 0  // the compiler does not know the instructions
#endif

// Sizes beyond which products of sizes could overflow; no network comes near.
constexpr int64_t MOST_NUMBERS = 1 << 20, MOST_LAYERS = 1 << 10, MOST_THREADS = 1 << 10, MOST_ROWS = 1LL << 31;

static bool is_within(int64_t least, int64_t size, int64_t most) { return least <= size && size <= most; }

// Whether a matrix maps so many inputs to so many outputs.
static bool maps(const Matrix &matrix, int64_t inputs, int64_t outputs) {
    const bool added = is_within(1, matrix.rank, MOST_NUMBERS) && matrix.down && matrix.up && matrix.strengths;
    const bool low = matrix.rank == 0 || added;
    return matrix.panels && matrix.inputs == inputs && matrix.outputs == outputs && low;
}

// The same for a matrix without a low-rank addition.
static bool maps_alone(const Matrix &matrix, int64_t inputs, int64_t outputs) {
    return matrix.rank == 0 && maps(matrix, inputs, outputs);
}

static bool norms(const Norm &norm) { return norm.gain && norm.shift; }

// Whether heads divide the width, and every matrix has the sizes that the stack states.
static bool is_sound(const Stack &stack, bool memory) {
    const int64_t width = stack.width;
    if (!stack.layers || !is_within(1, stack.count, MOST_LAYERS)) return false;
    if (!is_within(0, stack.joins, stack.count / 2)) return false;
    if (!is_within(1, width, MOST_NUMBERS) || !is_within(1, stack.hidden, MOST_NUMBERS)) return false;
    if (stack.heads < 1 || width % stack.heads) return false;
    for (int64_t index = 0; index < stack.count; ++index) {
        const Layer &layer = stack.layers[index];
        if (index >= stack.count - stack.joins && !maps(layer.join, 2 * width, width)) return false;
        if (!maps(layer.qkv, width, 3 * width) || !maps(layer.out, width, width)) return false;
        if (!maps(layer.first, width, stack.hidden) || !maps(layer.second, stack.hidden, width)) return false;
        if (!norms(layer.norm_1) || !norms(layer.norm_2)) return false;
        if (!memory) continue;
        if (!maps_alone(layer.value, width, width) || !maps_alone(layer.put, width, width)) return false;
        if (!norms(layer.norm_memory)) return false;
    }
    return !stack.last || norms(*stack.last);
}

// Whether the pieces are all tokens, and the wanted tokens are among them.
static bool is_sound(const Call &call) {
    if (!is_within(1, call.tokens, MOST_ROWS) || !is_within(0, call.batch, MOST_ROWS / call.tokens)) return false;
    if (!is_within(1, call.threads, MOST_THREADS) || !call.y || !call.pieces || call.count < 0) return false;
    if (call.from < 0 || call.wanted < 0 || call.from > call.tokens - call.wanted) return false;
    int64_t tokens = 0;
    for (const Piece *piece = call.pieces; piece < call.pieces + call.count; ++piece) {
        if (!piece->at || !is_within(0, piece->tokens, call.tokens - tokens) || piece->stride < 0) return false;
        tokens += piece->tokens;
    }
    return tokens == call.tokens;
}

static bool maps(const HalfMatrix &matrix, int64_t inputs, int64_t outputs) {
    const bool added = is_within(1, matrix.rank, MOST_NUMBERS) && matrix.down && matrix.up && matrix.strengths;
    const bool sized = matrix.inputs == inputs && matrix.outputs == outputs && matrix.panels && matrix.panels_back;
    return sized && (matrix.rank == 0 || added);
}

static bool is_sound(const HalfStack &stack) {
    const int64_t width = stack.width;
    if (!stack.layers || !is_within(1, stack.count, MOST_LAYERS)) return false;
    if (!is_within(0, stack.joins, stack.count / 2)) return false;
    if (!is_within(1, width, MOST_NUMBERS) || !is_within(1, stack.hidden, MOST_NUMBERS)) return false;
    if (stack.heads < 1 || width % stack.heads) return false;
    for (int64_t index = 0; index < stack.count; ++index) {
        const HalfLayer &layer = stack.layers[index];
        if (index >= stack.count - stack.joins && !maps(layer.join, 2 * width, width)) return false;
        if (!maps(layer.qkv, width, 3 * width) || !maps(layer.out, width, width)) return false;
        if (!maps(layer.first, width, stack.hidden) || !maps(layer.second, stack.hidden, width)) return false;
        if (!norms(layer.norm_1) || !norms(layer.norm_2)) return false;
    }
    return true;
}

static bool is_sound(const HalfCall &call) {
    if (!call.x || !call.y || !is_within(1, call.threads, MOST_THREADS)) return false;
    return is_within(1, call.tokens, MOST_ROWS) && is_within(1, call.batch, MOST_ROWS / call.tokens);
}

extern "C" {

int64_t lead_layout() { return LAYOUT; }

// The machine's best level: 512, 256, or 0 if it has neither.
int64_t lead_level() {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return 512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 256 : 0;
}

// The size of a packed matrix, in numbers.
int64_t lead_packed_size(int64_t level, int64_t inputs, int64_t outputs) {
    return level == 512 ? avx512::packed_size(inputs, outputs) : avx2::packed_size(inputs, outputs);
}

void lead_pack(int64_t level, const float *weight, const float *bias, int64_t inputs, int64_t outputs, float *to) {
    (level == 512 ? avx512::pack : avx2::pack)(weight, bias, inputs, outputs, to);
}

// y = W x + b for rows of x that are `stride` numbers apart; with `gelu` its GELU, or with `plus` their sum.
void lead_map(
    int64_t level, const Matrix *matrix, const float *x, int64_t rows, int64_t stride, const float *plus, float *y,
    int64_t gelu, int64_t threads) {
    (level == 512 ? avx512::map : avx2::map)(*matrix, x, rows, stride, plus, y, gelu, threads);
}

// Whether the stack and the call are sound; if they are not, nothing is computed.
int64_t lead_evaluate(int64_t level, const Stack *stack, const Call *call) {
    if (!is_sound(*stack, call->memory) || !is_sound(*call)) return 0;
    (level == 512 ? avx512::evaluate : avx2::evaluate)(*stack, *call);
    return 1;
}

// Whether the machine multiplies in 16 bits.
int64_t lead_half() {
#if HAS_BF16
    __builtin_cpu_init();
    return lead_level() == 512 && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

#if HAS_BF16
#define IF_BF16(work) work
#else
#define IF_BF16(work)
#endif

// The numbers of `kept`; 0 where the stack or the call is not sound.
int64_t lead_half_kept(const HalfStack *stack, const HalfCall *call) {
    int64_t size = 0;
    if (is_sound(*stack) && is_sound(*call)) IF_BF16(size = half::kept_size(*stack, *call));
    return size;
}

void lead_half_forward(const HalfStack *stack, const HalfCall *call) { IF_BF16(half::forward(*stack, *call)); }

// After `lead_half_forward` of the same call.
void lead_half_backward(const HalfStack *stack, const HalfCall *call) { IF_BF16(half::backward(*stack, *call)); }

}
