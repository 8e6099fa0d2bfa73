/* Forward: the population's segment, visiting only the neurons that fired. */
#include "lif.h"

typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(left, right, a, b, c, d) __builtin_shufflevector(left, right, a, b, c, d)
#else
typedef int32_t QuadOrder __attribute__((vector_size(16)));
#define SHUFFLE(left, right, a, b, c, d) __builtin_shuffle(left, right, (QuadOrder){a, b, c, d})
#endif

typedef struct {
    const Segment *segment;
    float *strips;   /* transposed weights, [N / STRIP][pre N][STRIP], zero beyond N */
    float *rest;     /* zeros, [N] */
    float *currents; /* [B][N rounded up to STRIP] */
    int visit_all;   /* a weight is not finite: silent neurons must spread it too */
} Forward;

static int all_finite(const float *values, Size count) {
    Vector poison = {0}, other = {0};
    Size at = 0;
    for (; at + 2 * LANES <= count; at += 2 * LANES) {
        poison += load(values + at) * 0.0f;
        other += load(values + at + LANES) * 0.0f;
    }
    float total = lane_sum(poison + other);
    for (; at < count; at++) total += values[at] * 0.0f;
    return total == 0.0f;
}

/* Turns 4 x 4 weights at once, from rows that lie n apart to rows that lie STRIP apart. */
static void transpose_square(const float *from, Size n, float *to) {
    Quad a = *(const Quad *)from, b = *(const Quad *)(from + n);
    Quad c = *(const Quad *)(from + 2 * n), d = *(const Quad *)(from + 3 * n);
    Quad low_ab = SHUFFLE(a, b, 0, 4, 1, 5), high_ab = SHUFFLE(a, b, 2, 6, 3, 7);
    Quad low_cd = SHUFFLE(c, d, 0, 4, 1, 5), high_cd = SHUFFLE(c, d, 2, 6, 3, 7);
    *(Quad *)to = SHUFFLE(low_ab, low_cd, 0, 1, 4, 5);
    *(Quad *)(to + STRIP) = SHUFFLE(low_ab, low_cd, 2, 3, 6, 7);
    *(Quad *)(to + 2 * STRIP) = SHUFFLE(high_ab, high_cd, 0, 1, 4, 5);
    *(Quad *)(to + 3 * STRIP) = SHUFFLE(high_ab, high_cd, 2, 3, 6, 7);
}

static void transpose_weights(const Segment *segment, float *strips) {
    Size n = segment->neurons, squares = n / 4 * 4;
    for (Size post = 0; post < n; post++) {
        const float *weights = segment->recurrent_weight + post * n;
        float *strip = strips + post / STRIP * STRIP * n + post % STRIP;
        if (post < squares && post % 4 == 0)
            for (Size pre = 0; pre < squares; pre += 4)
                transpose_square(weights + pre, n, strip + pre * STRIP);
        for (Size pre = post < squares ? squares : 0; pre < n; pre++)
            strip[pre * STRIP] = weights[pre];
    }
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

static void fire_adapting(const Segment *s, Size at, Memory before, const float *current,
                          float firing) {
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
        float fires = v - firing - strength[i] * a > 0.0f ? 1.0f : 0.0f;
        potential[i] = v;
        adaptation[i] = a;
        spikes[i] = fires;
        readout[i] = fires + kappa[i] * (y_before[i] - fires);
    }
}

static void fire(const Segment *s, Size at, Memory before, const float *current, float firing) {
    const float *beta = s->membrane_decay, *kappa = s->readout_decay;
    float *potential = s->potential + at, *spikes = s->spikes + at;
    float *readout = s->readout + at;
    const float *v_before = before.potential, *s_before = before.spikes;
    const float *y_before = before.readout;
    float threshold = s->threshold;
    EACH
    for (Size i = 0, n = s->neurons; i < n; i++) {
        float v = beta[i] * v_before[i] + current[i] - threshold * s_before[i];
        float fires = v - firing > 0.0f ? 1.0f : 0.0f;
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
        fire_adapting(s, at * n, before, current, firing_threshold(s, step, row));
    else
        fire(s, at * n, before, current, firing_threshold(s, step, row));
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
    float *space = malloc((size_t)(padded * n + n + groups * padded) * sizeof(float));
    if (!space) return 1;
    Forward forward = {segment, space, space + padded * n, space + padded * n + n, 0};
    forward.visit_all = !all_finite(segment->recurrent_weight, n * n);
    memset(forward.rest, 0, (size_t)n * sizeof(float));
    if (padded > n) memset(forward.strips, 0, (size_t)(padded * n) * sizeof(float));
    transpose_weights(segment, forward.strips);
    run(segment, forward_group, &forward, groups);
    free(space);
    return 0;
}
