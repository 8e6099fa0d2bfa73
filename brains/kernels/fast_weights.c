/* Fast weights over a whole segment, forward and backward, in single precision.
 *
 * The equations stand in brains/fast_weights.py. A synapse depends on its own past alone, so a pass
 * takes one postsynaptic neuron of one row through all time: its synapses stay in the nearest
 * cache, and the backward pass lives the segment again instead of keeping a trace of it.
 *
 * Every sum has one fixed order: the same numbers come out for any number of threads, and a step
 * alone gives the same numbers as a step within a segment.
 *
 * T steps, B rows, V postsynaptic and K presynaptic neurons.
 */
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

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int64_t Size;
typedef void (*ForkJoin)(void (*body)(void *), void *data, unsigned threads, unsigned flags);

/* Everything the forward pass reads and writes; mirrored by _Segment in fast_weights.py. */
typedef struct {
    Size steps, rows, posts, pres;
    float trace_rate, bound;
    int32_t lasting; /* whether the weights outlive an episode */
    unsigned threads;
    ForkJoin fork_join;           /* runs a body on several threads; NULL: on this one */
    const uint8_t *episode_start; /* [T, B]; NULL where no episode begins */
    const float *post, *pre, *query, *gain;          /* [T, B, V], [T, B, K] twice, [T, B, V] */
    const float *decay;                              /* [V] */
    const float *eligibility_before, *weights_before; /* [B, V, K] */
    float *read, *eligibility, *weights;             /* [T, B, V], [B, V, K] twice */
} Segment;

/* Gradients that come in and go out of the backward pass; mirrored by _Gradients. */
typedef struct {
    const float *read;                /* [T, B, V]; NULL: zero */
    float *eligibility, *weights;     /* of the memory: final in, initial out, [B, V, K] */
    float *post, *pre, *query, *gain; /* post and pre NULL where they are not asked for */
    float *decay;                     /* of each row, [B, V] */
} Gradients;

typedef struct {
    const Segment *segment;
    const Gradients *gradients; /* NULL in the forward pass */
    Size next;
    int failed;
} Job;

static inline Vector load(const float *from) { return *(const Vector *)from; }
static inline void store(float *to, Vector value) { *(Vector *)to = value; }
static inline Vector pick(Mask mask, Vector yes, Vector no) {
    return (Vector)((mask & (Mask)yes) | (~mask & (Mask)no));
}

static inline float total(Vector values) {
    float sum = 0.0f;
    for (int lane = 0; lane < LANES; lane++)
        sum += values[lane];
    return sum;
}

/* Memory of one thread: a row's presynaptic side, and one neuron's synapses through time, each
 * padded with zeros to whole vectors, W of them. */
typedef struct {
    float *pre, *query, *pre_gradient, *query_gradient; /* [T, W] */
    float *eligibility, *before, *weights;              /* [T, W] */
    float *carried, *carried_weights;                   /* [W] */
    Size width;
} Scratch;

static int begins(const Segment *s, Size step, Size row) {
    return s->episode_start && s->episode_start[step * s->rows + row];
}

static void gather(const Segment *s, const float *from, Size row, Size width, float *to) {
    for (Size t = 0; t < s->steps; t++)
        memcpy(to + t * width, from + (t * s->rows + row) * s->pres, sizeof(float) * s->pres);
}

static void scatter(const Segment *s, const float *from, Size row, Size width, float *to) {
    for (Size t = 0; t < s->steps; t++)
        memcpy(to + (t * s->rows + row) * s->pres, from + t * width, sizeof(float) * s->pres);
}

/* Take the synapses of one neuron through time; reads are written only in the forward pass. */
static void live(const Segment *s, const Scratch *x, Size row, Size neuron, float *read) {
    const Size width = x->width, place = (row * s->posts + neuron) * s->pres;
    const float keep = 1.0f - s->trace_rate, decay = s->decay[neuron];
    const Vector high = (Vector){} + s->bound, low = (Vector){} - s->bound;
    const float *e_last = x->carried, *m_last = x->carried_weights;
    memcpy(x->carried, s->eligibility_before + place, sizeof(float) * s->pres);
    memcpy(x->carried_weights, s->weights_before + place, sizeof(float) * s->pres);
    for (Size t = 0; t < s->steps; t++) {
        const Size at = (t * s->rows + row) * s->posts + neuron, line = t * width;
        const int fresh = begins(s, t, row);
        const float e_keep = fresh ? 0.0f : keep, m_keep = fresh && !s->lasting ? 0.0f : 1.0f;
        const float drive = s->trace_rate * s->post[at], gain = s->gain[at];
        Vector sum = {};
        for (Size k = 0; k < width; k += LANES) {
            Vector e = e_keep * load(e_last + k) + drive * load(x->pre + line + k);
            Vector before = m_keep * load(m_last + k);
            Vector m = decay * before + gain * e;
            m = pick(m > high, high, pick(m < low, low, m));
            store(x->eligibility + line + k, e);
            store(x->before + line + k, before);
            store(x->weights + line + k, m);
            sum += m * load(x->query + line + k);
        }
        if (read)
            read[at] = total(sum);
        e_last = x->eligibility + line;
        m_last = x->weights + line;
    }
}

static void forward_row(const Segment *s, const Scratch *x, Size row) {
    const Size last = (s->steps - 1) * x->width;
    for (Size neuron = 0; neuron < s->posts; neuron++) {
        const Size place = (row * s->posts + neuron) * s->pres;
        live(s, x, row, neuron, s->read);
        memcpy(s->eligibility + place, x->eligibility + last, sizeof(float) * s->pres);
        memcpy(s->weights + place, x->weights + last, sizeof(float) * s->pres);
    }
}

/* Walk one neuron's synapses back through time. `carried` are the adjoints of its memory. Activity
 * may be data (`taught` is 0), whose gradients would cost a third of the time. */
static inline __attribute__((always_inline)) void relive(const Segment *s, const Gradients *g,
                                                         const Scratch *x, Size row, Size neuron,
                                                         const int taught) {
    const Size width = x->width, place = (row * s->posts + neuron) * s->pres;
    const float keep = 1.0f - s->trace_rate, decay = s->decay[neuron];
    const Vector high = (Vector){} + s->bound, low = (Vector){} - s->bound;
    Vector of_decay = {};
    memcpy(x->carried, g->eligibility + place, sizeof(float) * s->pres);
    memcpy(x->carried_weights, g->weights + place, sizeof(float) * s->pres);
    for (Size t = s->steps - 1; t >= 0; t--) {
        const Size at = (t * s->rows + row) * s->posts + neuron, line = t * width;
        const int fresh = begins(s, t, row);
        const float e_keep = fresh ? 0.0f : keep;
        const float m_keep = fresh && !s->lasting ? 0.0f : decay;
        const float drive = s->trace_rate * s->post[at], gain = s->gain[at];
        const float read = g->read ? g->read[at] : 0.0f;
        Vector of_gain = {}, of_post = {};
        for (Size k = 0; k < width; k += LANES) {
            Vector m = load(x->weights + line + k), e = load(x->eligibility + line + k);
            Vector inward = load(x->carried_weights + k) + read * load(x->query + line + k);
            inward = pick((m < high) & (m > low), inward, (Vector){});
            Vector trace = load(x->carried + k) + gain * inward;
            store(x->query_gradient + line + k, load(x->query_gradient + line + k) + read * m);
            of_gain += inward * e;
            of_decay += inward * load(x->before + line + k);
            if (taught) {
                of_post += trace * load(x->pre + line + k);
                store(x->pre_gradient + line + k, load(x->pre_gradient + line + k) + drive * trace);
            }
            store(x->carried_weights + k, m_keep * inward);
            store(x->carried + k, e_keep * trace);
        }
        g->gain[at] = total(of_gain);
        if (g->post)
            g->post[at] = s->trace_rate * total(of_post);
    }
    g->decay[row * s->posts + neuron] = total(of_decay);
    memcpy(g->eligibility + place, x->carried, sizeof(float) * s->pres);
    memcpy(g->weights + place, x->carried_weights, sizeof(float) * s->pres);
}

static void backward_row(const Segment *s, const Gradients *g, const Scratch *x, Size row) {
    const size_t plane = sizeof(float) * s->steps * x->width;
    memset(x->pre_gradient, 0, plane);
    memset(x->query_gradient, 0, plane);
    for (Size neuron = 0; neuron < s->posts; neuron++) {
        live(s, x, row, neuron, NULL);
        if (g->post || g->pre)
            relive(s, g, x, row, neuron, 1);
        else
            relive(s, g, x, row, neuron, 0);
    }
    scatter(s, x->query_gradient, row, x->width, g->query);
    if (g->pre)
        scatter(s, x->pre_gradient, row, x->width, g->pre);
}

static void drain(void *data) {
    Job *job = data;
    const Segment *s = job->segment;
    const Size width = (s->pres + LANES - 1) / LANES * LANES, plane = s->steps * width;
    float *memory = calloc(7 * plane + 2 * width, sizeof(float));
    if (!memory) {
        __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
        return;
    }
    float *planes = memory + 2 * width;
    const Scratch x = {planes,           planes + plane,     planes + 2 * plane,
                       planes + 3 * plane, planes + 4 * plane, planes + 5 * plane,
                       planes + 6 * plane, memory,             memory + width,
                       width};
    for (;;) {
        const Size row = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (row >= s->rows)
            break;
        gather(s, s->pre, row, width, x.pre);
        gather(s, s->query, row, width, x.query);
        if (job->gradients)
            backward_row(s, job->gradients, &x, row);
        else
            forward_row(s, &x, row);
    }
    free(memory);
}

static int run(const Segment *segment, const Gradients *gradients) {
    Job job = {segment, gradients, 0, 0};
    if (segment->threads > 1 && segment->fork_join)
        segment->fork_join(drain, &job, segment->threads, 0);
    else
        drain(&job);
    return job.failed;
}

int fast_weights_forward(const Segment *segment) { return run(segment, NULL); }

int fast_weights_backward(const Segment *segment, const Gradients *gradients) {
    return run(segment, gradients);
}
