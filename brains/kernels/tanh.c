/* The hyperbolic tangent of many numbers, in single precision.
 *
 * With u = 2 |x| = k log 2 + r, |r| <= log(2) / 2, and p = e^r - 1 from its Taylor series:
 *
 *     m = e^u - 1 = 2^k p + (2^k - 1)          tanh |x| = m / (m + 2)
 *
 * Nothing cancels: small x keep their relative precision, and the error is below 2e-7 of the result.
 * Every number is computed the same wherever it stands: blocks that are not full are
 * filled up.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64
#define LARGEST 9.25f /* beyond it tanh is 1 in single precision */

/* log 2 in two parts: products of the first with small integers are exact. */
#define LOG2_HIGH 0.693145751953125f
#define LOG2_LOW 1.42860677e-6f

static inline float one(float x) {
    float size = fabsf(x);
    float u = 2.0f * (size > LARGEST ? LARGEST : size); /* a NaN stays one */
    float shifted = u * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: k stands in the last bits */
    float k = shifted - 12582912.0f;
    float r = (u - k * LOG2_HIGH) - k * LOG2_LOW;
    float series = 1.0f / 5040.0f;
    series = series * r + 1.0f / 720.0f;
    series = series * r + 1.0f / 120.0f;
    series = series * r + 1.0f / 24.0f;
    series = series * r + 1.0f / 6.0f;
    series = series * r + 0.5f;
    float p = series * r * r + r;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)(bits + 127) << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    float m = power * p + (power - 1.0f);
    return copysignf(m / (m + 2.0f), x);
}

static void block(const float *from, float *to) {
    for (int i = 0; i < BLOCK; i++) to[i] = one(from[i]);
}

void tanh_of(const float *from, float *to, int64_t count) {
    int64_t at = 0;
    for (; at + BLOCK <= count; at += BLOCK) block(from + at, to + at);
    if (at == count) return;
    float filled[BLOCK] = {0}, result[BLOCK];
    size_t bytes = (size_t)(count - at) * sizeof(float);
    memcpy(filled, from + at, bytes);
    block(filled, result);
    memcpy(to + at, result, bytes);
}
