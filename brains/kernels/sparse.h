/* Competition between units, and sums that visit only the units that fired, in single precision.
 *
 * Every sum has one fixed order: the same numbers come out for any number of threads.
 */
#ifndef WETWARE_SPARSE_H
#define WETWARE_SPARSE_H

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

typedef int64_t Size;
typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef void (*ForkJoin)(void (*body)(void *), void *data, unsigned threads, unsigned flags);

/* Which threads work, and how they are called; mirrored by Team in sparse.py. */
typedef struct {
    int64_t threads;
    ForkJoin fork_join; /* NULL: on this one */
} Team;

static inline Vector load(const float *from) { return *(const Vector *)from; }
static inline void store(float *to, Vector value) { *(Vector *)to = value; }

static inline float lane_sum(Vector sum) {
    float total = 0.0f;
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    return total;
}

static inline Size smaller(Size one, Size other) { return one < other ? one : other; }

static inline Size round_up(Size count, Size multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

/* Whoever is free takes the next item; items never share what they write. */
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

static inline void run(const Team *team, void (*work)(void *context, Size item), void *context,
                       Size items) {
    Job job = {work, context, items, 0};
    Size threads = smaller(team->threads, items);
    if (threads > 1 && team->fork_join)
        team->fork_join(drain, &job, (unsigned)threads, 0);
    else
        drain(&job);
}

#endif
