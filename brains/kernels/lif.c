/* The LIF population over a whole segment, forward and backward, in single precision.
 *
 * The equations stand in brains/lif.py, the backward pass in brains/lif_sequence.py; this file says
 * the same in the order that the processor likes. Spikes are 0 or 1 and few, so the forward product
 * and the weight gradient visit only the neurons that fired; the backward product is dense.
 *
 * The batch is cut into groups of rows that never depend on the number of threads, and every sum
 * has one fixed order: the same numbers come out for any number of threads, and a step alone gives
 * the same numbers as a step within a segment.
 *
 * T control steps, S = T * substeps spiking steps, B rows, N neurons.
 */
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

#define PANEL (2 * LANES) /* columns of the dense product that are in registers at once */
#define STRIP (8 * LANES) /* columns of the event-driven sums that are in registers at once */
#define TILE 4            /* rows of the dense product that are in registers at once */
#define GROUP 8           /* rows that go through time together */
#define BLOCK 16          /* presynaptic neurons whose weight gradients are written together */

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int64_t Size;

typedef void (*ForkJoin)(void (*body)(void *), void *data, unsigned threads, unsigned flags);

/* Everything the forward pass reads and writes; mirrored by Segment in lif.py. */
typedef struct {
    Size control_steps, substeps, rows, neurons;
    float threshold, norm_epsilon, slope;
    unsigned threads;
    ForkJoin fork_join;            /* runs a body on several threads; NULL: on this one */
    const uint8_t *episode_start;  /* [T, B]; NULL where no episode begins */
    const float *drive;            /* [T, B, N] */
    const float *potential_before, *spikes_before, *adaptation_before, *readout_before; /* [B, N] */
    const float *recurrent_weight; /* [post N, pre N] */
    const float *norm_weight, *norm_bias;               /* [N]; NULL without norm */
    const float *membrane_decay, *readout_decay;        /* [N] */
    const float *adaptation_decay, *adaptation_strength; /* [N]; NULL without adaptation */
    float *potential, *spikes, *adaptation, *readout;   /* after every spiking step, [S, B, N] */
    float *whitened;               /* current before the norm's gain and shift, [S, B, N] */
    float *inverse_deviation;      /* of the current, [S, B] */
    uint16_t *fired;               /* neurons whose spikes entered a step, [S, B, N] */
    int32_t *fired_count;          /* how many they are, [S, B] */
} Segment;

/* Gradients that come in and go out of the backward pass; mirrored by Gradients in lif.py. */
typedef struct {
    const float *outputs;                                   /* [T, B, N]; NULL: zero */
    float *potential, *spikes, *adaptation, *readout;       /* of the memory, final in, initial out */
    float *current;                                         /* before the norm, [S, B, N] */
    float *recurrent_weight, *norm_weight, *norm_bias, *membrane_decay, *readout_decay;
    float *adaptation_decay, *adaptation_strength;
    int32_t spikes_wanted; /* whether the gradient of the initial spikes is asked for */
} Gradients;

static Size round_up(Size count, Size multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

static Vector load(const float *from) { return *(const Vector *)from; }
static void store(float *to, Vector value) { *(Vector *)to = value; }

static float lane_sum(Vector sum) {
    float total = 0.0f;
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    return total;
}

static float sum_of(const float *values, Size count) {
    Vector sum = {0}, other = {0};
    Size at = 0;
    for (; at + PANEL <= count; at += PANEL) {
        sum += load(values + at);
        other += load(values + at + LANES);
    }
    float total = lane_sum(sum + other);
    for (; at < count; at++) total += values[at];
    return total;
}

static float dot(const float *left, const float *right, Size count) {
    Vector sum = {0}, other = {0};
    Size at = 0;
    for (; at + PANEL <= count; at += PANEL) {
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

static void drain(void *data) {
    Job *job = data;
    for (;;) {
        Size item = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (item >= job->items) return;
        job->work(job->context, item);
    }
}

static void run(const Segment *segment, void (*work)(void *, Size), void *context, Size items) {
    Job job = {work, context, items, 0};
    unsigned threads = segment->threads < items ? segment->threads : (unsigned)items;
    if (threads > 1 && segment->fork_join)
        segment->fork_join(drain, &job, threads, 0);
    else
        drain(&job);
}

/* ---- What enters a step ---- */

typedef struct {
    const float *potential, *spikes, *adaptation, *readout; /* [N] */
} Memory;

static int restarts(const Segment *segment, Size step, Size row) {
    return segment->episode_start && step % segment->substeps == 0 &&
           segment->episode_start[step / segment->substeps * segment->rows + row];
}

static Memory memory_before(const Segment *s, Size step, Size row, const float *rest) {
    if (restarts(s, step, row)) return (Memory){rest, rest, rest, rest};
    Size at = row * s->neurons;
    if (step == 0)
        return (Memory){s->potential_before + at, s->spikes_before + at, s->adaptation_before + at,
                        s->readout_before + at};
    at += (step - 1) * s->rows * s->neurons;
    return (Memory){s->potential + at, s->spikes + at, s->adaptation ? s->adaptation + at : rest,
                    s->readout + at};
}

/* ---- Forward ---- */

typedef struct {
    const Segment *segment;
    float *strips;   /* transposed weights, [N / STRIP][pre N][STRIP], zero beyond N */
    float *rest;     /* zeros, [N] */
    float *currents; /* [B][N rounded up to STRIP] */
    int visit_all;   /* a weight is not finite: silent neurons must spread it too */
} Forward;

static int transpose_weights(const Segment *segment, float *strips) {
    Size n = segment->neurons;
    float poison = 0.0f;
    for (Size first = 0; first < n; first += STRIP) {
        float *strip = strips + first * n;
        Size width = n - first < STRIP ? n - first : STRIP;
        for (Size pre = 0; pre < n; pre += BLOCK) {
            Size end = pre + BLOCK < n ? pre + BLOCK : n;
            for (Size column = 0; column < STRIP; column++) {
                const float *weights = segment->recurrent_weight + (first + column) * n;
                for (Size at = pre; at < end; at++) {
                    float weight = column < width ? weights[at] : 0.0f;
                    poison += weight * 0.0f;
                    strip[at * STRIP + column] = weight;
                }
            }
        }
    }
    return poison != 0.0f;
}

static int32_t list_fired(const float *spikes, Size neurons, int visit_all, uint16_t *fired) {
    int32_t count = 0;
    for (Size neuron = 0; neuron < neurons; neuron++) {
        fired[count] = (uint16_t)neuron;
        count += (spikes[neuron] != 0.0f) | visit_all;
    }
    return count;
}

/* current = W s, visiting only the neurons that fired. */
static void sum_of_events(const Forward *forward, const float *spikes, const uint16_t *fired,
                          int32_t count, float *current) {
    Size n = forward->segment->neurons;
    for (Size first = 0; first < n; first += STRIP) {
        const float *strip = forward->strips + first * n;
        Vector sum[8] = {0};
        for (int32_t event = 0; event < count; event++) {
            const float *weights = strip + (Size)fired[event] * STRIP;
            float spike = spikes[fired[event]];
            for (int part = 0; part < 8; part++) sum[part] += spike * load(weights + part * LANES);
        }
        for (int part = 0; part < 8; part++) store(current + first + part * LANES, sum[part]);
    }
}

static void normalise(const Segment *s, Size at, float *current) {
    Size n = s->neurons;
    float *whitened = s->whitened + at * n;
    const float *gain = s->norm_weight, *shift = s->norm_bias;
    float mean = sum_of(current, n) / (float)n;
    EACH
    for (Size i = 0; i < n; i++) current[i] -= mean;
    float inverse = 1.0f / sqrtf(dot(current, current, n) / (float)n + s->norm_epsilon);
    EACH
    for (Size i = 0; i < n; i++) {
        whitened[i] = current[i] * inverse;
        current[i] = whitened[i] * gain[i] + shift[i];
    }
    s->inverse_deviation[at] = inverse;
}

static void fire_adapting(const Segment *s, Size at, Memory before, const float *current) {
    const float *beta = s->membrane_decay, *kappa = s->readout_decay;
    const float *rho = s->adaptation_decay, *strength = s->adaptation_strength;
    float *potential = s->potential + at, *spikes = s->spikes + at;
    float *adaptation = s->adaptation + at, *readout = s->readout + at;
    const float *v_before = before.potential, *s_before = before.spikes;
    const float *a_before = before.adaptation, *y_before = before.readout;
    float threshold = s->threshold;
    EACH
    for (Size i = 0, n = s->neurons; i < n; i++) {
        float v = beta[i] * v_before[i] + current[i] - threshold * s_before[i];
        float a = s_before[i] + rho[i] * (a_before[i] - s_before[i]);
        float fires = v - threshold - strength[i] * a > 0.0f ? 1.0f : 0.0f;
        potential[i] = v;
        adaptation[i] = a;
        spikes[i] = fires;
        readout[i] = fires + kappa[i] * (y_before[i] - fires);
    }
}

static void fire(const Segment *s, Size at, Memory before, const float *current) {
    const float *beta = s->membrane_decay, *kappa = s->readout_decay;
    float *potential = s->potential + at, *spikes = s->spikes + at;
    float *readout = s->readout + at;
    const float *v_before = before.potential, *s_before = before.spikes;
    const float *y_before = before.readout;
    float threshold = s->threshold;
    EACH
    for (Size i = 0, n = s->neurons; i < n; i++) {
        float v = beta[i] * v_before[i] + current[i] - threshold * s_before[i];
        float fires = v - threshold > 0.0f ? 1.0f : 0.0f;
        potential[i] = v;
        spikes[i] = fires;
        readout[i] = fires + kappa[i] * (y_before[i] - fires);
    }
}

static void step_row(const Forward *forward, Size step, Size row, float *current) {
    const Segment *s = forward->segment;
    Size n = s->neurons, at = step * s->rows + row;
    Memory before = memory_before(s, step, row, forward->rest);
    uint16_t *fired = s->fired + at * n;
    int32_t count = list_fired(before.spikes, n, forward->visit_all, fired);
    s->fired_count[at] = count;
    sum_of_events(forward, before.spikes, fired, count, current);
    const float *drive = s->drive + (step / s->substeps * s->rows + row) * n;
    EACH
    for (Size i = 0; i < n; i++) current[i] += drive[i];
    if (s->norm_weight) normalise(s, at, current);
    if (s->adaptation_decay)
        fire_adapting(s, at * n, before, current);
    else
        fire(s, at * n, before, current);
}

static void forward_group(void *context, Size group) {
    const Forward *forward = context;
    const Segment *s = forward->segment;
    Size end = (group + 1) * GROUP < s->rows ? (group + 1) * GROUP : s->rows;
    float *current = forward->currents + group * round_up(s->neurons, STRIP);
    for (Size step = 0; step < s->control_steps * s->substeps; step++)
        for (Size row = group * GROUP; row < end; row++) step_row(forward, step, row, current);
}

/* Fills the trace; returns 0, or 1 when memory runs out. */
int lif_forward(const Segment *segment) {
    Size n = segment->neurons, padded = round_up(n, STRIP);
    Size groups = round_up(segment->rows, GROUP) / GROUP;
    float *space = calloc((size_t)(padded * n + n + groups * padded), sizeof(float));
    if (!space) return 1;
    Forward forward = {segment, space, space + padded * n, space + padded * n + n, 0};
    forward.visit_all = transpose_weights(segment, forward.strips);
    run(segment, forward_group, &forward, groups);
    free(space);
    return 0;
}

/* ---- Backward: adjoints through time ---- */

/* Sums over the steps and rows of a group, [N] each; then over the groups. */
enum { NORM_WEIGHT, NORM_BIAS, MEMBRANE, READOUT, ADAPTATION, STRENGTH, SUMS };

typedef struct {
    const Segment *segment;
    const Gradients *gradients;
    Size padded;    /* N rounded up to PANEL */
    float *panels;  /* weights, [N / PANEL][post N][PANEL], zero beyond N */
    float *rest;    /* zeros, [padded] */
    float *sums;    /* [groups][SUMS][padded] */
    float *spikes;  /* adjoint of the spikes, [groups][GROUP][padded] */
    float *scratch; /* [groups][padded] */
} Backward;

static void pack_weights(const Segment *segment, float *panels) {
    Size n = segment->neurons;
    for (Size first = 0; first < n; first += PANEL) {
        Size width = n - first < PANEL ? n - first : PANEL;
        for (Size post = 0; post < n; post++)
            memcpy(panels + first * n + post * PANEL, segment->recurrent_weight + post * n + first,
                   (size_t)width * sizeof(float));
    }
}

/* out[TILE, PANEL] = adjoint[TILE, depth] panel[depth, PANEL]. */
static void multiply_tile(const float *const adjoint[TILE], const float *panel, Size depth,
                          float *out, Size stride) {
    Vector sum[TILE][2] = {{{0}}};
    for (Size post = 0; post < depth; post++) {
        Vector left = load(panel + post * PANEL), right = load(panel + post * PANEL + LANES);
        for (int row = 0; row < TILE; row++) {
            sum[row][0] += adjoint[row][post] * left;
            sum[row][1] += adjoint[row][post] * right;
        }
    }
    for (int row = 0; row < TILE; row++) {
        store(out + row * stride, sum[row][0]);
        store(out + row * stride + LANES, sum[row][1]);
    }
}

/* spikes = current W for the rows of a group. */
static void through_synapses(const Backward *b, Size step, Size first, Size end, float *spikes) {
    const Segment *s = b->segment;
    Size n = s->neurons;
    const float *adjoint[GROUP];
    for (Size row = 0; row < GROUP; row++)
        adjoint[row] = first + row < end
                           ? b->gradients->current + (step * s->rows + first + row) * n
                           : b->rest;
    for (Size panel = 0; panel < n; panel += PANEL)
        for (Size row = 0; first + row < end; row += TILE)
            multiply_tile(adjoint + row, b->panels + panel * n, n,
                          spikes + row * b->padded + panel, b->padded);
}

/* From the adjoints of what a step left behind to that of its potential. */
static void through_spikes(const Backward *b, Size step, Size row, Memory before, float *sums,
                           float *spikes) {
    const Segment *s = b->segment;
    Size n = s->neurons, at = (step * s->rows + row) * n;
    const float *kappa = s->readout_decay, *strength = s->adaptation_strength;
    const float *v = s->potential + at, *fires = s->spikes + at;
    const float *a = strength ? s->adaptation + at : b->rest;
    float *potential = b->gradients->potential + row * n;
    float *readout = b->gradients->readout + row * n;
    float *of_kappa = sums + READOUT * b->padded;
    float *of_beta = sums + MEMBRANE * b->padded;
    const float *v_before = before.potential, *y_before = before.readout;
    float threshold = s->threshold, slope = s->slope;
    if (!strength) strength = b->rest;
    EACH
    for (Size i = 0; i < n; i++) {
        float spread = 1.0f + slope * fabsf(v[i] - threshold - strength[i] * a[i]);
        of_kappa[i] += readout[i] * (y_before[i] - fires[i]);
        spikes[i] = (spikes[i] + readout[i] - kappa[i] * readout[i]) / (spread * spread);
        potential[i] += spikes[i];
        of_beta[i] += potential[i] * v_before[i];
    }
}

static void through_threshold(const Backward *b, Size step, Size row, Memory before, float *sums,
                              const float *spikes) {
    const Segment *s = b->segment;
    Size n = s->neurons;
    const float *a = s->adaptation + (step * s->rows + row) * n;
    const float *strength = s->adaptation_strength;
    float *adaptation = b->gradients->adaptation + row * n;
    float *of_rho = sums + ADAPTATION * b->padded;
    float *of_strength = sums + STRENGTH * b->padded;
    const float *a_before = before.adaptation, *s_before = before.spikes;
    EACH
    for (Size i = 0; i < n; i++) {
        adaptation[i] -= strength[i] * spikes[i];
        of_rho[i] += adaptation[i] * (a_before[i] - s_before[i]);
        of_strength[i] -= spikes[i] * a[i];
    }
}

static void through_norm(const Backward *b, Size step, Size row, float *sums,
                         float *scaled) {
    const Segment *s = b->segment;
    Size n = s->neurons, at = step * s->rows + row;
    const float *gradient = b->gradients->potential + row * n;
    const float *gain = s->norm_weight, *whitened = s->whitened + at * n;
    float *current = b->gradients->current + at * n;
    float *of_gain = sums + NORM_WEIGHT * b->padded;
    float *of_shift = sums + NORM_BIAS * b->padded;
    EACH
    for (Size i = 0; i < n; i++) {
        scaled[i] = gradient[i] * gain[i];
        of_gain[i] += gradient[i] * whitened[i];
        of_shift[i] += gradient[i];
    }
    float mean = sum_of(scaled, n) / (float)n, along = dot(scaled, whitened, n) / (float)n;
    float inverse = s->inverse_deviation[at];
    EACH
    for (Size i = 0; i < n; i++) current[i] = inverse * (scaled[i] - mean - along * whitened[i]);
}

/* Hands the adjoints on to the memory that entered the step. */
static void into_memory(const Backward *b, Size step, Size row, float *spikes) {
    const Segment *s = b->segment;
    Size n = s->neurons;
    float *potential = b->gradients->potential + row * n;
    float *readout = b->gradients->readout + row * n;
    float *adaptation = b->gradients->adaptation + row * n;
    const float *beta = s->membrane_decay, *kappa = s->readout_decay;
    const float *rho = s->adaptation_decay;
    size_t bytes = (size_t)n * sizeof(float);
    if (restarts(s, step, row)) {
        memset(potential, 0, bytes), memset(readout, 0, bytes);
        memset(adaptation, 0, bytes), memset(spikes, 0, bytes);
        return;
    }
    float threshold = s->threshold;
    EACH
    for (Size i = 0; i < n; i++) {
        spikes[i] -= threshold * potential[i];
        potential[i] *= beta[i];
        readout[i] *= kappa[i];
    }
    if (!rho) return;
    EACH
    for (Size i = 0; i < n; i++) {
        float kept = rho[i] * adaptation[i];
        spikes[i] += adaptation[i] - kept;
        adaptation[i] = kept;
    }
}

static void backward_row(const Backward *b, Size step, Size row, float *sums, float *spikes,
                         float *scratch) {
    const Segment *s = b->segment;
    const Gradients *g = b->gradients;
    Size n = s->neurons, control = step / s->substeps;
    Memory before = memory_before(s, step, row, b->rest);
    if (g->outputs && step % s->substeps == s->substeps - 1) {
        const float *outputs = g->outputs + (control * s->rows + row) * n;
        float *readout = g->readout + row * n;
        EACH
        for (Size i = 0; i < n; i++) readout[i] += outputs[i];
    }
    through_spikes(b, step, row, before, sums, spikes);
    if (s->adaptation_decay) through_threshold(b, step, row, before, sums, spikes);
    if (s->norm_weight)
        through_norm(b, step, row, sums, scratch);
    else
        memcpy(g->current + (step * s->rows + row) * n, g->potential + row * n,
               (size_t)n * sizeof(float));
}

static void backward_group(void *context, Size group) {
    const Backward *b = context;
    const Segment *s = b->segment;
    const Gradients *g = b->gradients;
    Size n = s->neurons, first = group * GROUP;
    Size end = first + GROUP < s->rows ? first + GROUP : s->rows;
    float *sums = b->sums + group * SUMS * b->padded;
    float *spikes = b->spikes + group * GROUP * b->padded;
    float *scratch = b->scratch + group * b->padded;
    for (Size row = first; row < end; row++)
        memcpy(spikes + (row - first) * b->padded, g->spikes + row * n, (size_t)n * sizeof(float));
    for (Size step = s->control_steps * s->substeps - 1; step >= 0; step--) {
        for (Size row = first; row < end; row++)
            backward_row(b, step, row, sums, spikes + (row - first) * b->padded, scratch);
        if (step > 0 || g->spikes_wanted) through_synapses(b, step, first, end, spikes);
        for (Size row = first; row < end; row++)
            into_memory(b, step, row, spikes + (row - first) * b->padded);
    }
    for (Size row = first; row < end; row++)
        memcpy(g->spikes + row * n, spikes + (row - first) * b->padded, (size_t)n * sizeof(float));
}

static void add_groups(const Backward *b, Size groups) {
    const Gradients *g = b->gradients;
    float *const totals[SUMS] = {g->norm_weight,   g->norm_bias,        g->membrane_decay,
                                 g->readout_decay, g->adaptation_decay, g->adaptation_strength};
    Size n = b->segment->neurons;
    for (int which = 0; which < SUMS; which++) {
        if (!totals[which]) continue;
        memset(totals[which], 0, (size_t)n * sizeof(float));
        for (Size group = 0; group < groups; group++) {
            const float *sum = b->sums + (group * SUMS + which) * b->padded;
            EACH
            for (Size i = 0; i < n; i++) totals[which][i] += sum[i];
        }
    }
}

/* ---- Backward: synapses, dW = current^T s, visiting only the spikes ---- */

typedef struct {
    uint32_t at;  /* step * B + row */
    float spike;
} Event;

typedef struct {
    const Segment *segment;
    const Gradients *gradients;
    Size blocks;  /* of presynaptic neurons */
    Size *starts; /* where a presynaptic neuron's events begin, [N + 1] */
    Event *events;
} Synapses;

static void sort_events(const Synapses *synapses, const float *rest) {
    const Segment *s = synapses->segment;
    Size n = s->neurons, entries = s->control_steps * s->substeps * s->rows;
    Size *starts = synapses->starts;
    memset(starts, 0, (size_t)(n + 2) * sizeof(Size));
    for (Size at = 0; at < entries; at++)
        for (int32_t i = 0; i < s->fired_count[at]; i++) starts[s->fired[at * n + i] + 2]++;
    for (Size pre = 0; pre < n; pre++) starts[pre + 2] += starts[pre + 1];
    for (Size at = 0; at < entries; at++) {
        const float *spikes = memory_before(s, at / s->rows, at % s->rows, rest).spikes;
        for (int32_t i = 0; i < s->fired_count[at]; i++) {
            Size pre = s->fired[at * n + i];
            synapses->events[starts[pre + 1]++] = (Event){(uint32_t)at, spikes[pre]};
        }
    }
}

static void sum_of_block(void *context, Size item) {
    const Synapses *synapses = context;
    const Segment *s = synapses->segment;
    Size n = s->neurons, first = item / synapses->blocks * STRIP;
    Size pre = item % synapses->blocks * BLOCK, end = pre + BLOCK < n ? pre + BLOCK : n;
    const float *current = synapses->gradients->current + first;
    Size width = n - first < STRIP ? n - first : STRIP;
    float block[BLOCK][STRIP] = {{0}};
    for (Size at = pre; at < end; at++) {
        const Event *event = synapses->events + synapses->starts[at];
        const Event *last = synapses->events + synapses->starts[at + 1];
        if (width < STRIP) {
            for (; event < last; event++)
                EACH
                for (Size i = 0; i < width; i++)
                    block[at - pre][i] += event->spike * current[event->at * n + i];
            continue;
        }
        Vector sum[8] = {{0}};
        for (; event < last; event++)
            for (int part = 0; part < 8; part++)
                sum[part] += event->spike * load(current + event->at * n + part * LANES);
        for (int part = 0; part < 8; part++) store(block[at - pre] + part * LANES, sum[part]);
    }
    for (Size post = 0; post < width; post++)
        for (Size at = pre; at < end; at++)
            synapses->gradients->recurrent_weight[(first + post) * n + at] = block[at - pre][post];
}

static int weight_gradient(const Segment *segment, const Gradients *gradients, const float *rest) {
    Size n = segment->neurons, blocks = round_up(n, BLOCK) / BLOCK, count = 0;
    Size entries = segment->control_steps * segment->substeps * segment->rows;
    for (Size at = 0; at < entries; at++) count += segment->fired_count[at];
    Size *starts = malloc((size_t)(n + 2) * sizeof(Size) + (size_t)count * sizeof(Event));
    if (!starts) return 1;
    Synapses synapses = {segment, gradients, blocks, starts, (Event *)(starts + n + 2)};
    sort_events(&synapses, rest);
    run(segment, sum_of_block, &synapses, blocks * round_up(n, STRIP) / STRIP);
    free(starts);
    return 0;
}

/* Fills the gradients from the trace; returns 0, or 1 when memory runs out. */
int lif_backward(const Segment *segment, const Gradients *gradients) {
    Size n = segment->neurons, padded = round_up(n, PANEL);
    Size groups = round_up(segment->rows, GROUP) / GROUP;
    Size sizes[] = {padded * n, padded, groups * SUMS * padded, groups * GROUP * padded,
                    groups * padded};
    float *parts[5], *space;
    Size total = 0;
    for (int part = 0; part < 5; part++) total += sizes[part];
    if (!(space = calloc((size_t)total, sizeof(float)))) return 1;
    parts[0] = space;
    for (int part = 1; part < 5; part++) parts[part] = parts[part - 1] + sizes[part - 1];
    Backward backward = {segment,  gradients, padded,   parts[0],
                         parts[1], parts[2],  parts[3], parts[4]};
    pack_weights(segment, backward.panels);
    run(segment, backward_group, &backward, groups);
    add_groups(&backward, groups);
    int failed = weight_gradient(segment, gradients, backward.rest);
    free(space);
    return failed;
}
