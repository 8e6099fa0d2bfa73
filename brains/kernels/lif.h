/* The LIF population over a whole segment, forward and backward, in single precision.
 *
 * The equations stand in brains/lif.py, the backward pass in brains/lif_sequence.py; these files
 * say the same in the order that the processor likes. Spikes are 0 or 1 and few, so the forward
 * product and the weight gradient visit only the neurons that fired; the backward product is dense.
 *
 * The batch is cut into groups of rows that never depend on the number of threads, and every sum
 * has one fixed order: the same numbers come out for any number of threads, and a step alone gives
 * the same numbers as a step within a segment.
 *
 * T control steps, S = T * substeps spiking steps, B rows, N neurons.
 */
#ifndef WETWARE_LIF_H
#define WETWARE_LIF_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* Says that no turn of the loop that follows reads what another one wrote. */
#if defined(__clang__)
#define EACH _Pragma("clang loop vectorize(assume_safety)")
#else
#define EACH _Pragma("GCC ivdep")
#endif

#define STRIP (8 * LANES) /* columns of the event-driven sums that are in registers at once */
#define GROUP 8           /* rows that go through time together */

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int64_t Size;

typedef void (*ForkJoin)(void (*body)(void *), void *data, unsigned threads, unsigned flags);

/* Everything the forward pass reads and writes; mirrored by Segment in lif.py. */
typedef struct {
    Size control_steps, substeps, rows, neurons;
    float threshold, norm_epsilon, slope;
    unsigned threads;
    ForkJoin fork_join;           /* runs a body on several threads; NULL: on this one */
    const uint8_t *episode_start; /* [T, B]; NULL where no episode begins */
    const float *drive;           /* [T, B, N] */
    const float *firing_threshold; /* [T, B]; NULL: the threshold that a spike takes, everywhere */
    const float *potential_before, *spikes_before, *adaptation_before, *readout_before; /* [B, N] */
    const float *recurrent_weight;                       /* [post N, pre N] */
    const float *norm_weight, *norm_bias;                /* [N]; NULL without norm */
    const float *membrane_decay, *readout_decay;         /* [N] */
    const float *adaptation_decay, *adaptation_strength; /* [N]; NULL without adaptation */
    float *potential, *spikes, *adaptation, *readout;    /* after every spiking step, [S, B, N] */
    float *whitened;          /* current before the norm's gain and shift, [S, B, N] */
    float *inverse_deviation; /* of the current, [S, B] */
    uint16_t *fired;          /* neurons whose spikes entered a step, [S, B, N] */
    int32_t *fired_count;     /* how many they are, [S, B] */
} Segment;

/* Gradients that come in and go out of the backward pass; mirrored by Gradients in lif.py. */
typedef struct {
    const float *outputs; /* of the readout after every control step, [T, B, N]; NULL: zero */
    float *potential, *spikes, *adaptation, *readout; /* of the memory: final in, initial out */
    float *current;                                   /* before the norm, [S, B, N] */
    float *firing_threshold;                          /* [T, B]; NULL where it is nobody's */
    float *recurrent_weight, *norm_weight, *norm_bias, *membrane_decay, *readout_decay;
    float *adaptation_decay, *adaptation_strength;
    int32_t spikes_wanted; /* whether the gradient of the initial spikes is asked for */
} Gradients;

static inline Size round_up(Size count, Size multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

static inline Vector load(const float *from) { return *(const Vector *)from; }
static inline void store(float *to, Vector value) { *(Vector *)to = value; }

static inline float lane_sum(Vector sum) {
    float total = 0.0f;
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    return total;
}

static inline float sum_of(const float *values, Size count) {
    Vector sum = {0}, other = {0};
    Size at = 0;
    for (; at + 2 * LANES <= count; at += 2 * LANES) {
        sum += load(values + at);
        other += load(values + at + LANES);
    }
    float total = lane_sum(sum + other);
    for (; at < count; at++) total += values[at];
    return total;
}

static inline float dot(const float *left, const float *right, Size count) {
    Vector sum = {0}, other = {0};
    Size at = 0;
    for (; at + 2 * LANES <= count; at += 2 * LANES) {
        sum += load(left + at) * load(right + at);
        other += load(left + at + LANES) * load(right + at + LANES);
    }
    float total = lane_sum(sum + other);
    for (; at < count; at++) total += left[at] * right[at];
    return total;
}

/* ---- Threads: whoever is free takes the next item; items never share what they write ---- */

typedef struct {
    void (*work)(void *context, Size item);
    void *context;
    Size items, next;
} Job;

static inline void drain(void *data) {
    Job *job = data;
    for (;;) {
        Size item = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (item >= job->items) return;
        job->work(job->context, item);
    }
}

static inline void run(const Segment *segment, void (*work)(void *context, Size item),
                       void *context, Size items) {
    Job job = {work, context, items, 0};
    unsigned threads = segment->threads < items ? segment->threads : (unsigned)items;
    if (threads > 1 && segment->fork_join)
        segment->fork_join(drain, &job, threads, 0);
    else
        drain(&job);
}

/* ---- What enters a step ---- */

static inline float firing_threshold(const Segment *s, Size step, Size row) {
    if (!s->firing_threshold) return s->threshold;
    return s->firing_threshold[step / s->substeps * s->rows + row];
}

typedef struct {
    const float *potential, *spikes, *adaptation, *readout; /* [N] */
} Memory;

static inline int restarts(const Segment *segment, Size step, Size row) {
    return segment->episode_start && step % segment->substeps == 0 &&
           segment->episode_start[step / segment->substeps * segment->rows + row];
}

static inline Memory memory_before(const Segment *s, Size step, Size row, const float *rest) {
    if (restarts(s, step, row)) return (Memory){rest, rest, rest, rest};
    Size at = row * s->neurons;
    if (step == 0)
        return (Memory){s->potential_before + at, s->spikes_before + at, s->adaptation_before + at,
                        s->readout_before + at};
    at += (step - 1) * s->rows * s->neurons;
    return (Memory){s->potential + at, s->spikes + at, s->adaptation ? s->adaptation + at : rest,
                    s->readout + at};
}

/* Fills the gradient of the synapses; returns 0, or 1 when memory runs out. */
int lif_weight_gradient(const Segment *segment, const Gradients *gradients, const float *rest);

#endif
