/* Competition between units, and synapses that are visited only where a unit fired. */
#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8
#define PARTS 8   /* sums that a processor keeps at hand */
#define STRIP 256 /* outputs at a time: with their synapses from all units they fit the cache */

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
    for (; at + PARTS * LANES <= width; at += PARTS * LANES) {
        Vector sum[PARTS];
        for (int part = 0; part < PARTS; part++) sum[part] = load(drive + at + part * LANES);
        for (const int32_t *event = unit; event < end; event++) {
            const float *synapses = weights + *event * outputs + at;
            for (int part = 0; part < PARTS; part++)
                sum[part] += code[*event] * load(synapses + part * LANES);
        }
        for (int part = 0; part < PARTS; part++) store(drive + at + part * LANES, sum[part]);
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

/* The same events, unit after unit: what a unit's synapses learn is summed without being stored. */
typedef struct {
    int32_t *rows;  /* in which the unit fired */
    float *values;  /* what it said */
    Size *first;    /* of each unit, [units + 1] */
    Vector *pulled; /* drive gradient . weights of each event, lane by lane */
} Lessons;

static int sort_by_unit(const Events *events, const float *code, Size rows, Size inputs, Size units,
                        Lessons *lessons) {
    size_t count = (size_t)events->first[rows];
    lessons->rows = malloc(sizeof(int32_t) * (count + 1));
    lessons->values = malloc(sizeof(float) * (count + 1));
    lessons->first = calloc((size_t)units + 2, sizeof(Size));
    lessons->pulled = calloc(count + 1, sizeof(Vector));
    if (!lessons->rows || !lessons->values || !lessons->first || !lessons->pulled) return 1;
    Size *next = lessons->first + 1; /* ends up as the first of the unit after */
    for (size_t event = 0; event < count; event++) next[events->units[event] + 1]++;
    for (Size unit = 0; unit < units; unit++) next[unit + 1] += next[unit];
    for (Size row = 0; row < rows; row++)
        for (Size event = events->first[row]; event < events->first[row + 1]; event++) {
            Size unit = events->units[event], place = next[unit]++;
            lessons->rows[place] = (int32_t)row;
            lessons->values[place] = code[row * inputs + unit];
        }
    return 0;
}

static void forget_lessons(Lessons *lessons) {
    free(lessons->rows);
    free(lessons->values);
    free(lessons->first);
    free(lessons->pulled);
}

/* Both gradients of one unit's synapses onto the outputs from `from` on. */
static void learn(const Lessons *lessons, Size unit, const float *weights, const float *drive,
                  float *weight_gradient, Size outputs, Size from) {
    Size begin = lessons->first[unit], end = lessons->first[unit + 1];
    weights += unit * outputs + from;
    weight_gradient += unit * outputs + from;
    drive += from;
    if (from + PARTS * LANES <= outputs) {
        Vector sum[PARTS] = {0};
        for (Size event = begin; event < end; event++) {
            const float *row = drive + lessons->rows[event] * outputs;
            Vector pulled = lessons->pulled[event];
            for (int part = 0; part < PARTS; part++) {
                Vector gradient = load(row + part * LANES);
                sum[part] += lessons->values[event] * gradient;
                pulled += gradient * load(weights + part * LANES);
            }
            lessons->pulled[event] = pulled;
        }
        for (int part = 0; part < PARTS; part++) store(weight_gradient + part * LANES, sum[part]);
        return;
    }
    for (Size at = 0; at < outputs - from; at++) {
        float sum = 0.0f;
        for (Size event = begin; event < end; event++) {
            float gradient = drive[lessons->rows[event] * outputs + at];
            sum += lessons->values[event] * gradient;
            lessons->pulled[event][0] += gradient * weights[at];
        }
        weight_gradient[at] = sum;
    }
}

/* Fills the gradients of the first `units` inputs (zero for silent ones) and of their weights. */
int sparse_backward(const float *code, const float *weights, const float *drive_gradient,
                    float *code_gradient, float *weight_gradient, Size rows, Size inputs,
                    Size units, Size outputs) {
    Events events = {0};
    Lessons lessons = {0};
    int failed = list_events(code, rows, inputs, units, &events) ||
                 sort_by_unit(&events, code, rows, inputs, units, &lessons);
    for (Size from = 0; from < outputs && !failed; from += PARTS * LANES)
        for (Size unit = 0; unit < units; unit++)
            learn(&lessons, unit, weights, drive_gradient, weight_gradient, outputs, from);
    for (Size row = 0; row < rows; row++)
        memset(code_gradient + row * inputs, 0, sizeof(float) * (size_t)units);
    for (Size unit = 0; unit < units && !failed; unit++)
        for (Size event = lessons.first[unit]; event < lessons.first[unit + 1]; event++) {
            float *pulled = code_gradient + lessons.rows[event] * inputs + unit;
            for (int lane = 0; lane < LANES; lane++) *pulled += lessons.pulled[event][lane];
        }
    forget(&events);
    forget_lessons(&lessons);
    return failed;
}
