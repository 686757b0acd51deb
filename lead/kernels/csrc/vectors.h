// The vector instructions of one level, and the functions that are computed element by element.
//
// Included once inside each level's namespace, with LEVEL_AVX512 set to 1 or 0.

#if LEVEL_AVX512

using Vec = __m512;
constexpr int LANES = 16;
constexpr int ROWS = 14;  // per tile: 28 sums, two columns of W and one x fill the 32 registers

inline Vec all(float x) { return _mm512_set1_ps(x); }
inline Vec load(const float *p) { return _mm512_loadu_ps(p); }
inline void store(float *p, Vec x) { _mm512_storeu_ps(p, x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec larger(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec smaller(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline __mmask16 lanes_below(int64_t n) { return (__mmask16)((1u << n) - 1); }
inline Vec load_lanes(const float *p, int64_t n, Vec rest) { return _mm512_mask_loadu_ps(rest, lanes_below(n), p); }
inline void store_lanes(float *p, Vec x, int64_t n) { _mm512_mask_storeu_ps(p, lanes_below(n), x); }
inline float sum(Vec x) { return _mm512_reduce_add_ps(x); }
inline float largest(Vec x) { return _mm512_reduce_max_ps(x); }
// x rounded to a whole number n; and 2^n times y, for n from -126 to 127
inline Vec whole(Vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT); }
inline Vec scaled(Vec y, Vec n) {
    const __m512i power = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return y * _mm512_castsi512_ps(power);
}
inline Vec zero_where_less(Vec y, Vec x, Vec limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GE_OQ), y);
}

#else

using Vec = __m256;
constexpr int LANES = 8;
constexpr int ROWS = 6;  // per tile: 12 sums, two columns of W and one x take 15 of 16 registers

inline Vec all(float x) { return _mm256_set1_ps(x); }
inline Vec load(const float *p) { return _mm256_loadu_ps(p); }
inline void store(float *p, Vec x) { _mm256_storeu_ps(p, x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec larger(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec smaller(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline __m256i lanes_below(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load_lanes(const float *p, int64_t n, Vec rest) {
    const __m256i lanes = lanes_below(n);
    return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, lanes), _mm256_castsi256_ps(lanes));
}
inline void store_lanes(float *p, Vec x, int64_t n) { _mm256_maskstore_ps(p, lanes_below(n), x); }
template <class Join> inline float folded(Vec x, Join join) {
    __m128 half = join(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = join(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(join(half, _mm_movehdup_ps(half)));
}
inline float sum(Vec x) { return folded(x, [](__m128 a, __m128 b) { return _mm_add_ps(a, b); }); }
inline float largest(Vec x) { return folded(x, [](__m128 a, __m128 b) { return _mm_max_ps(a, b); }); }
inline Vec whole(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec scaled(Vec y, Vec n) {
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return y * _mm256_castsi256_ps(power);
}
inline Vec zero_where_less(Vec y, Vec x, Vec limit) { return _mm256_and_ps(y, _mm256_cmp_ps(x, limit, _CMP_GE_OQ)); }

#endif

// The first n lanes, or all lanes if n is larger.  Lanes past n are loaded from `rest`, and not stored.  Whole vectors
// use no mask: a masked store could not be read again before it is in the cache.
inline Vec load_part(const float *p, int64_t n, Vec rest) { return n >= LANES ? load(p) : load_lanes(p, n, rest); }
inline void store_part(float *p, Vec x, int64_t n) {
    if (n >= LANES) store(p, x);
    else store_lanes(p, x, n);
}

template <int N> inline Vec polynomial(const float (&coefficients)[N], Vec x) {
    Vec value = all(coefficients[N - 1]);
    for (int n = N - 2; n >= 0; --n) value = fma(value, x, all(coefficients[n]));
    return value;
}

// e^x for x up to 88, to 1e-7 of its value: 2^n e^r with |r| <= ln 2 / 2; 0 where e^x < 1e-37.
inline Vec exponential(Vec x) {
    static const float TAYLOR[] = {1.0f, 1.0f, 1 / 2.0f, 1 / 6.0f, 1 / 24.0f, 1 / 120.0f, 1 / 720.0f, 1 / 5040.0f};
    const Vec lowest = all(-85.0f), within = larger(x, lowest);
    const Vec n = whole(within * all(1.44269504f));
    const Vec r = fma(n, all(-1.428606765e-6f), fma(n, all(-0.693145752f), within));  // ln 2 in two parts
    return zero_where_less(scaled(polynomial(TAYLOR, r), n), x, lowest);
}

// Phi(x) of the normal distribution, to 1e-6 for |x| <= 5.4, and its value at the end past it.  Phi(u) - 1/2 = u p(u^2);
// p is a polynomial in u^2 mapped to [-1, 1], fitted by least squares weighted with u at Chebyshev's points.
inline Vec normal(Vec x) {
    static const float P[] = {
        1.3092811e-1f, -6.5328047e-2f, 4.8499484e-2f, -3.9207030e-2f, 3.2118421e-2f, -2.5744734e-2f, 1.9633796e-2f,
        -1.3968952e-2f, 9.6842749e-3f, -6.7067202e-3f, 3.6101295e-3f, -1.1924390e-3f, 9.1012131e-4f, -1.0268580e-3f,
        3.8303365e-4f};
    const float end = 5.4f;
    const Vec u = smaller(all(end), larger(all(-end), x));  // the second operand is kept if it is NaN
    return fma(u, polynomial(P, fma(u * u, all(2 / (end * end)), all(-1.0f))), all(0.5f));
}

// x Phi(x), to 1e-6.  Past 5.4, Phi is 1 to rounding; past -5.4, x Phi(x) keeps its value at -5.4, which is 0 to 4e-7.
inline Vec gelu(Vec x) {
    const Vec above = larger(all(-5.4f), x);
    return above * normal(above);
}

// x / (1 + e^-1.702 x)
inline Vec quick_gelu(Vec x) {
    return x / (all(1.0f) + exponential(smaller(x * all(-1.702f), all(80.0f))));
}
