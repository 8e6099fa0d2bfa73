/* Backward: adjoints walk the segment from its last step to its first. */
#include "lif.h"

/* Keeps a vector in its register; GCC would read it again from memory for every use. */
#if defined(__x86_64__)
#define HOLD(vector) __asm__("" : "+x"(vector))
#elif defined(__aarch64__)
#define HOLD(vector) __asm__("" : "+w"(vector))
#else
#define HOLD(vector)
#endif

#define PANEL (2 * LANES) /* columns of the dense product that are in registers at once */
#define TILE 8            /* rows of the dense product that are in registers at once */

/* Sums over the steps and rows of a group, [N] each; then over the groups. */
enum { NORM_WEIGHT, NORM_BIAS, MEMBRANE, READOUT, ADAPTATION, STRENGTH, SUMS };
enum { SPACE = SUMS + GROUP + 1 };

typedef struct {
    const Segment *segment;
    const Gradients *gradients;
    Size padded;   /* N rounded up to PANEL */
    float *panels; /* weights, [N / PANEL][post N][PANEL], zero beyond N */
    float *rest;   /* zeros, [padded] */
    float *spaces; /* [groups][SPACE][padded]: sums, adjoints of the spikes, scratch */
} Backward;

static void pack_weights(const Segment *segment, float *panels) {
    Size n = segment->neurons;
    for (Size first = 0; first < n; first += PANEL) {
        Size width = n - first < PANEL ? n - first : PANEL;
        for (Size post = 0; post < n; post++) {
            const float *from = segment->recurrent_weight + post * n + first;
            float *to = panels + first * n + post * PANEL;
            if (width == PANEL) { /* in registers: a call per copy would take longer than it */
                store(to, load(from));
                store(to + LANES, load(from + LANES));
            } else {
                memcpy(to, from, (size_t)width * sizeof(float));
            }
        }
    }
}

/* out[TILE, PANEL] = adjoint[TILE, depth] panel[depth, PANEL]. */
static void multiply_tile(const float *const adjoint[TILE], const float *panel, Size depth,
                          float *out, Size stride) {
    Vector sum[TILE][2] = {{{0}}};
    for (Size post = 0; post < depth; post++) {
        Vector left = load(panel + post * PANEL), right = load(panel + post * PANEL + LANES);
        HOLD(left);
        HOLD(right);
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
    const float *v = s->potential + at;
    const float *a = strength ? s->adaptation + at : b->rest;
    float *potential = b->gradients->potential + row * n;
    float *readout = b->gradients->readout + row * n;
    float *of_kappa = sums + READOUT * b->padded;
    float *of_beta = sums + MEMBRANE * b->padded;
    const float *v_before = before.potential, *y_before = before.readout;
    float firing = firing_threshold(s, step, row), slope = s->slope;
    if (!strength) strength = b->rest;
    EACH
    for (Size i = 0; i < n; i++) {
        float distance = v[i] - firing - strength[i] * a[i];
        float fires = distance > 0.0f ? 1.0f : 0.0f; /* again, rather than fetched */
        float spread = 1.0f + slope * fabsf(distance);
        of_kappa[i] += readout[i] * (y_before[i] - fires);
        spikes[i] = (spikes[i] + readout[i] - kappa[i] * readout[i]) / (spread * spread);
        potential[i] += spikes[i];
        of_beta[i] += potential[i] * v_before[i];
    }
    if (!b->gradients->firing_threshold) return;
    float *of_firing = b->gradients->firing_threshold + step / s->substeps * s->rows + row;
    float later = step % s->substeps == s->substeps - 1 ? 0.0f : *of_firing;
    *of_firing = later - sum_of(spikes, n);
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
    float *sums = b->spaces + group * SPACE * b->padded;
    float *spikes = sums + SUMS * b->padded, *scratch = spikes + GROUP * b->padded;
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
            const float *sum = b->spaces + (group * SPACE + which) * b->padded;
            EACH
            for (Size i = 0; i < n; i++) totals[which][i] += sum[i];
        }
    }
}

/* Fills the gradients from the trace; returns 0, or 1 when memory runs out. */
int lif_backward(const Segment *segment, const Gradients *gradients) {
    Size n = segment->neurons, padded = round_up(n, PANEL);
    Size groups = round_up(segment->rows, GROUP) / GROUP;
    float *space = calloc((size_t)((n + 1 + groups * SPACE) * padded), sizeof(float));
    if (!space) return 1;
    float *rest = space + n * padded;
    Backward backward = {segment, gradients, padded, space, rest, rest + padded};
    pack_weights(segment, backward.panels);
    run(segment, backward_group, &backward, groups);
    add_groups(&backward, groups);
    int failed = lif_weight_gradient(segment, gradients, rest);
    free(space);
    return failed;
}
