/* Competition between units. */
#include "sparse.h"

#include <float.h>

#define TOGETHER 16 /* rows */

static Size count_above(const float *values, Size size, float bound) {
    Mask count = {0};
    Size at = 0, total = 0;
    for (; at + LANES <= size; at += LANES) count -= load(values + at) > bound;
    for (int lane = 0; lane < LANES; lane++) total += count[lane];
    for (; at < size; at++) total += values[at] > bound;
    return total;
}

static inline Vector choose(Mask which, Vector one, Vector other) {
    return (Vector)((which & (Mask)one) | (~which & (Mask)other));
}

static inline Vector greater(Vector one, Vector other) { return choose(one > other, one, other); }

static float largest_up_to(const float *values, Size size, float bound) {
    Vector least = (Vector){0} - FLT_MAX, best = least;
    Size at = 0;
    for (; at + LANES <= size; at += LANES) {
        Vector value = load(values + at);
        best = greater(choose(value > bound, least, value), best);
    }
    float largest = -FLT_MAX;
    for (int lane = 0; lane < LANES; lane++) largest = best[lane] > largest ? best[lane] : largest;
    for (; at < size; at++)
        if (values[at] <= bound && values[at] > largest) largest = values[at];
    return largest;
}

static float smallest(const float *values, Size size) {
    Vector best = (Vector){0} + FLT_MAX;
    Size at = 0;
    for (; at + LANES <= size; at += LANES) best = -greater(-load(values + at), -best);
    float least = FLT_MAX;
    for (int lane = 0; lane < LANES; lane++) least = best[lane] < least ? best[lane] : least;
    for (; at < size; at++) least = values[at] < least ? values[at] : least;
    return least;
}

/* The largest value but `winners`. More than `winners` values lie above `low`, no more than that
   above `high`; halving the range between them ends where exactly the winners lie above, or, if
   some tie for the last place, where no number lies between. */
static float strongest_loser(const float *values, Size size, Size winners) {
    float high = largest_up_to(values, size, FLT_MAX), low = smallest(values, size);
    if (count_above(values, size, low) <= winners) return low;
    for (;;) {
        float middle = 0.5f * low + 0.5f * high;
        if (!(low < middle && middle < high)) return high;
        Size above = count_above(values, size, middle);
        if (above == winners) return largest_up_to(values, size, middle);
        if (above > winners)
            low = middle;
        else
            high = middle;
    }
}

static int all_finite(const float *values, Size size) {
    Vector poison = {0};
    Size at = 0;
    for (; at + LANES <= size; at += LANES) poison += load(values + at) * 0.0f;
    float total = 0.0f;
    for (int lane = 0; lane < LANES; lane++) total += poison[lane];
    for (; at < size; at++) total += values[at] * 0.0f;
    return total == 0.0f;
}

typedef struct {
    const float *potential; /* [rows, units] */
    float *code;            /* [rows, units] */
    Size rows, units, winners;
} Rows;

/* code = max(potential - strongest loser, 0), row by row; a row that is not finite is all NaN. */
static void compete(void *context, Size item) {
    const Rows *r = context;
    Size units = r->units;
    for (Size row = item * TOGETHER; row < smaller((item + 1) * TOGETHER, r->rows); row++) {
        const float *potential = r->potential + row * units;
        float *code = r->code + row * units;
        int finite = all_finite(potential, units);
        float loser = finite ? strongest_loser(potential, units, r->winners) : __builtin_nanf("");
        for (Size unit = 0; unit < units; unit++) {
            float excess = potential[unit] - loser;
            code[unit] = excess > 0.0f || !finite ? excess : 0.0f;
        }
    }
}

int sparse_winners(const Team *team, const float *potential, float *code, Size rows, Size units,
                   Size winners) {
    Rows all = {potential, code, rows, units, winners};
    run(team, compete, &all, round_up(rows, TOGETHER) / TOGETHER);
    return 0;
}
