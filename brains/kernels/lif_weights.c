/* Backward through the synapses: dW = current^T s, visiting only the spikes. */
#include "lif.h"

#define BLOCK 16 /* presynaptic neurons whose gradients are written together */

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

int lif_weight_gradient(const Segment *segment, const Gradients *gradients, const float *rest) {
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
