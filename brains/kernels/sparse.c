/* Competition between units, and synapses that are visited only where a unit fired. */
#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8
#define STRIP 128 /* outputs at a time: with their synapses from all units they fit the cache */

typedef int64_t Size;
typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline Vector load(const float *from) { return *(const Vector *)from; }
static inline void store(float *to, Vector value) { *(Vector *)to = value; }

/* ---- Competition ---- */

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

/* code = max(potential - strongest loser, 0), row by row; a row that is not finite is all NaN. */
int sparse_winners(const float *potential, float *code, Size rows, Size units, Size winners) {
    for (Size row = 0; row < rows; row++, potential += units, code += units) {
        int finite = all_finite(potential, units);
        float loser = finite ? strongest_loser(potential, units, winners) : __builtin_nanf("");
        for (Size unit = 0; unit < units; unit++) {
            float excess = potential[unit] - loser;
            code[unit] = excess > 0.0f || !finite ? excess : 0.0f;
        }
    }
    return 0;
}

/* ---- Synapses ---- */

typedef struct {
    int32_t *units; /* that fired, row after row */
    Size *first;    /* of each row, [rows + 1] */
} Events;

static int silent(const float *code) {
    union {
        Mask lanes;
        int64_t pairs[LANES / 2];
    } fired = {.lanes = load(code) != 0.0f};
    int64_t any = 0;
    for (int pair = 0; pair < LANES / 2; pair++) any |= fired.pairs[pair];
    return !any;
}

static int list_events(const float *code, Size rows, Size inputs, Size units, Events *events) {
    events->units = malloc(sizeof(int32_t) * (size_t)(rows * units + 1));
    events->first = malloc(sizeof(Size) * (size_t)(rows + 1));
    if (!events->units || !events->first) return 1;
    Size count = 0;
    for (Size row = 0; row < rows; row++, code += inputs) {
        events->first[row] = count;
        for (Size from = 0; from < units; from += LANES) {
            if (from + LANES <= units && silent(code + from)) continue;
            for (Size unit = from; unit < from + LANES && unit < units; unit++) {
                events->units[count] = (int32_t)unit;
                count += code[unit] != 0.0f;
            }
        }
    }
    events->first[rows] = count;
    return 0;
}

static void forget(Events *events) {
    free(events->units);
    free(events->first);
}

static void add_events(const float *code, const float *weights, const int32_t *unit,
                       const int32_t *end, Size outputs, Size width, float *drive) {
    Size at = 0;
    for (; at + 4 * LANES <= width; at += 4 * LANES) {
        Vector sum[4];
        for (int part = 0; part < 4; part++) sum[part] = load(drive + at + part * LANES);
        for (const int32_t *event = unit; event < end; event++)
            for (int part = 0; part < 4; part++)
                sum[part] += code[*event] * load(weights + *event * outputs + at + part * LANES);
        for (int part = 0; part < 4; part++) store(drive + at + part * LANES, sum[part]);
    }
    for (; at < width; at++)
        for (const int32_t *event = unit; event < end; event++)
            drive[at] += code[*event] * weights[*event * outputs + at];
}

/* drive += code W for the first `units` of a row's inputs; weights are [inputs, outputs]. */
int sparse_forward(const float *code, const float *weights, float *drive, Size rows, Size inputs,
                   Size units, Size outputs) {
    Events events = {0};
    int failed = list_events(code, rows, inputs, units, &events);
    for (Size first = 0; first < outputs && !failed; first += STRIP) {
        Size width = outputs - first < STRIP ? outputs - first : STRIP;
        for (Size row = 0; row < rows; row++)
            add_events(code + row * inputs, weights + first, events.units + events.first[row],
                       events.units + events.first[row + 1], outputs, width,
                       drive + row * outputs + first);
    }
    forget(&events);
    return failed;
}

/* One event's part of both gradients: returns drive . weights, adds value x drive to them. */
static float visit(const float *drive, const float *weights, float value, Size width,
                   float *weight_gradient) {
    Vector sum = {0}, other = {0};
    Size at = 0;
    for (; at + 2 * LANES <= width; at += 2 * LANES) {
        Vector one = load(drive + at), two = load(drive + at + LANES);
        sum += one * load(weights + at);
        other += two * load(weights + at + LANES);
        store(weight_gradient + at, load(weight_gradient + at) + value * one);
        store(weight_gradient + at + LANES, load(weight_gradient + at + LANES) + value * two);
    }
    float total = 0.0f;
    sum += other;
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    for (; at < width; at++) {
        total += drive[at] * weights[at];
        weight_gradient[at] += value * drive[at];
    }
    return total;
}

/* Fills the gradients of the first `units` inputs (zero for silent ones) and of their weights. */
int sparse_backward(const float *code, const float *weights, const float *drive_gradient,
                    float *code_gradient, float *weight_gradient, Size rows, Size inputs,
                    Size units, Size outputs) {
    Events events = {0};
    int failed = list_events(code, rows, inputs, units, &events);
    memset(weight_gradient, 0, sizeof(float) * (size_t)(units * outputs));
    for (Size row = 0; row < rows; row++)
        memset(code_gradient + row * inputs, 0, sizeof(float) * (size_t)units);
    for (Size first = 0; first < outputs && !failed; first += STRIP) {
        Size width = outputs - first < STRIP ? outputs - first : STRIP;
        for (Size row = 0; row < rows; row++) {
            const float *drive = drive_gradient + row * outputs + first;
            for (Size event = events.first[row]; event < events.first[row + 1]; event++) {
                Size unit = events.units[event], place = row * inputs + unit;
                Size synapse = unit * outputs + first;
                code_gradient[place] +=
                    visit(drive, weights + synapse, code[place], width, weight_gradient + synapse);
            }
        }
    }
    forget(&events);
    return failed;
}
