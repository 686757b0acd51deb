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

#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's own headers leave values undefined on purpose
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#ifdef __clang__
#define BEGIN_TARGET_AVX512 \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx2,fma\"))), apply_to = function)")
#define BEGIN_TARGET_AVX2 _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
#define END_TARGET _Pragma("clang attribute pop")
#else
#define BEGIN_TARGET_AVX512 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx2,fma\")")
#define BEGIN_TARGET_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
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

// y = W x + b for rows of x that are `stride` numbers apart; with `gelu` its GELU; `plus` is added unless it is null.
void lead_map(
    int64_t level, const Matrix *matrix, const float *x, int64_t rows, int64_t stride, const float *plus, float *y,
    int64_t gelu, int64_t threads) {
    (level == 512 ? avx512::map : avx2::map)(*matrix, x, rows, stride, plus, y, gelu, threads);
}

void lead_evaluate(int64_t level, const Stack *stack, const Call *call) {
    (level == 512 ? avx512::evaluate : avx2::evaluate)(*stack, *call);
}

}
