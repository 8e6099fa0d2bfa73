/* Linear maps to and from units of which few fire: only those that do are visited.
 *
 * An event is a unit that fired in a row, with a value. Row by row, events pick rows of a matrix
 * that has one per unit; unit by unit, rows of one that has one per row:
 *
 *     from units    out[row]  = sum of value * matrix[unit]       what the units drive
 *     to units      out[unit] = sum of value * matrix[row]        what their synapses learn
 *
 * Both are the same sum over two orders of the same events. Where there are many events, matrices
 * are copied first into strips of columns that lie together and fit the cache: rows whose distance
 * is a power of two push each other out of it.
 */
#include "sparse.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

#define PARTS 4 /* vectors of a strip: sums that a processor keeps at hand */
#define STRIP (PARTS * LANES)
#define LISTS 32      /* that are done together */
#define UNITS 128     /* whose synapses learn together */
#define WORTH_STRIPS 4 /* events per row of a matrix from which copying it is worth while */

typedef struct {
    int32_t at; /* the unit, or the row */
    float value;
} Event;

/* Events of every row, or of every unit. */
typedef struct {
    Event *events;
    Size *first; /* of each list, [lists + 1] */
    Size lists, count;
} Lists;

/* A matrix, as it is or in strips. */
typedef struct {
    const float *values;
    Size width, row, strip; /* columns; distance from row to row, from strip to strip */
    float *owned;           /* the strips; NULL where the matrix is as it is */
} Matrix;

static void forget(Lists *lists) {
    free(lists->events);
    free(lists->first);
}

/* ---- Events ---- */

/* Which of the next LANES units fired, a bit for each. */
static inline uint32_t fired(const float *code) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(code), _mm512_setzero_ps(), _CMP_NEQ_UQ);
#elif defined(__AVX__)
    __m256 some = _mm256_cmp_ps(_mm256_loadu_ps(code), _mm256_setzero_ps(), _CMP_NEQ_UQ);
    return (uint32_t)_mm256_movemask_ps(some);
#else
    uint32_t bits = 0;
    for (int lane = 0; lane < LANES; lane++) bits |= (uint32_t)(code[lane] != 0.0f) << lane;
    return bits;
#endif
}

/* Lists the units of each row that fired, with their values: the code's, or those beside it. */
static int by_row(const float *code, Size code_row, const float *values, Size values_row, Size rows,
                  Size units, Lists *lists) {
    Size room = 0, count = 0;
    *lists = (Lists){NULL, malloc(sizeof(Size) * (size_t)(rows + 1)), rows, 0};
    if (!lists->first) return 1;
    for (Size row = 0; row < rows; row++, code += code_row, values += values_row) {
        lists->first[row] = count;
        if (count + units >= room) {
            room = count + units + (room ? room / 2 : rows * (units / 8 + 1));
            Event *more = realloc(lists->events, sizeof(Event) * (size_t)(room + 1));
            if (!more) return 1;
            lists->events = more;
        }
        Event *events = lists->events;
        Size from = 0;
        for (; from + LANES <= units; from += LANES)
            for (uint32_t bits = fired(code + from); bits; bits &= bits - 1) {
                Size unit = from + __builtin_ctz(bits);
                events[count++] = (Event){(int32_t)unit, values[unit]};
            }
        for (; from < units; from++)
            if (code[from] != 0.0f) events[count++] = (Event){(int32_t)from, values[from]};
    }
    lists->first[rows] = lists->count = count;
    return 0;
}

/* The same events, unit after unit. */
static int by_unit(const Lists *rows, Size units, Lists *lists) {
    Size *first = calloc((size_t)units + 2, sizeof(Size));
    Event *events = malloc(sizeof(Event) * (size_t)(rows->count + 1));
    *lists = (Lists){events, first, units, rows->count};
    if (!first || !events) return 1;
    Size *next = first + 1; /* ends up as the first of the unit after */
    for (Size event = 0; event < rows->count; event++) next[rows->events[event].at + 1]++;
    for (Size unit = 0; unit < units; unit++) next[unit + 1] += next[unit];
    for (Size row = 0; row < rows->lists; row++)
        for (Size event = rows->first[row]; event < rows->first[row + 1]; event++)
            events[next[rows->events[event].at]++] =
                (Event){(int32_t)row, rows->events[event].value};
    return 0;
}

/* ---- Matrices ---- */

static int in_strips(const float *values, Size rows, Size width, Size events, Matrix *matrix) {
    *matrix = (Matrix){values, width, width, STRIP, NULL};
    if (events < WORTH_STRIPS * rows) return 0;
    Size strips = round_up(width, STRIP) / STRIP;
    float *to = malloc(sizeof(float) * (size_t)(strips * STRIP * rows));
    if (!to) return 1;
    *matrix = (Matrix){to, width, STRIP, STRIP * rows, to};
    for (Size first = 0; first < width; first += STRIP) {
        Size filled = smaller(width - first, STRIP);
        for (Size row = 0; row < rows; row++, to += STRIP) {
            const float *from = values + row * width + first;
            if (filled == STRIP) {
                for (int part = 0; part < PARTS; part++)
                    store(to + part * LANES, load(from + part * LANES));
            } else {
                memcpy(to, from, sizeof(float) * (size_t)filled);
                memset(to + filled, 0, sizeof(float) * (size_t)(STRIP - filled));
            }
        }
    }
    return 0;
}

/* ---- Sums ---- */

typedef struct {
    const Lists *lists;
    Matrix matrix;
    float *out; /* [lists, width] */
    int fresh;  /* whether sums begin at zero, not at what stands there */
    Size blocks;
} Sum;

static inline __attribute__((always_inline)) void sum_parts(const Event *event, const Event *end,
                                                            const float *matrix, Size row,
                                                            float *out, int fresh, int parts) {
    Vector sum[PARTS] = {{0}};
    if (!fresh)
        for (int part = 0; part < parts; part++) sum[part] = load(out + part * LANES);
    for (; event < end; event++) {
        const float *from = matrix + event->at * row;
        for (int part = 0; part < parts; part++)
            sum[part] += event->value * load(from + part * LANES);
    }
    for (int part = 0; part < parts; part++) store(out + part * LANES, sum[part]);
}

/* The same for a number of vectors that is not known beforehand. */
static void sum_vectors(const Event *event, const Event *end, const float *matrix, Size row,
                        float *out, int fresh, Size parts) {
    switch (parts) {
    case 1: sum_parts(event, end, matrix, row, out, fresh, 1); break;
    case 2: sum_parts(event, end, matrix, row, out, fresh, 2); break;
    case 3: sum_parts(event, end, matrix, row, out, fresh, 3); break;
    case 4: sum_parts(event, end, matrix, row, out, fresh, 4); break;
    }
}

/* The last columns, which fill no strip. */
static void sum_rest(const Event *event, const Event *end, const Matrix *matrix, const float *from,
                     Size width, float *out, int fresh) {
    if (matrix->owned) { /* filled up with zeros */
        float block[STRIP] = {0};
        if (!fresh) memcpy(block, out, sizeof(float) * (size_t)width);
        sum_vectors(event, end, from, matrix->row, block, 0, round_up(width, LANES) / LANES);
        memcpy(out, block, sizeof(float) * (size_t)width);
        return;
    }
    sum_vectors(event, end, from, matrix->row, out, fresh, width / LANES);
    for (Size at = width / LANES * LANES; at < width; at++) {
        float sum = fresh ? 0.0f : out[at];
        for (const Event *one = event; one < end; one++)
            sum += one->value * from[one->at * matrix->row + at];
        out[at] = sum;
    }
}

static void sum_block(void *context, Size item) {
    const Sum *sum = context;
    const Lists *lists = sum->lists;
    const Matrix *matrix = &sum->matrix;
    Size strip = item / sum->blocks, list = item % sum->blocks * LISTS;
    Size end = smaller(list + LISTS, lists->lists), left = matrix->width - strip * STRIP;
    const float *from = matrix->values + strip * matrix->strip;
    for (; list < end; list++) {
        const Event *event = lists->events + lists->first[list];
        const Event *last = lists->events + lists->first[list + 1];
        float *out = sum->out + list * matrix->width + strip * STRIP;
        if (left >= STRIP)
            sum_parts(event, last, from, matrix->row, out, sum->fresh, PARTS);
        else
            sum_rest(event, last, matrix, from, left, out, sum->fresh);
    }
}

static void sum_lists(const Team *team, const Lists *lists, const Matrix *matrix, float *out,
                      int fresh) {
    Size blocks = round_up(lists->lists, LISTS) / LISTS;
    Sum sum = {lists, *matrix, out, fresh, blocks};
    run(team, sum_block, &sum, blocks * (round_up(matrix->width, STRIP) / STRIP));
}

/* ---- From units: drive += code W; weights are [units, outputs] ---- */

int sparse_forward(const Team *team, const float *code, const float *weights, float *drive,
                   Size rows, Size inputs, Size units, Size outputs) {
    Lists lists = {0};
    Matrix matrix = {0};
    int failed = by_row(code, inputs, code, inputs, rows, units, &lists) ||
                 in_strips(weights, units, outputs, lists.count, &matrix);
    if (!failed) sum_lists(team, &lists, &matrix, drive, 0);
    free(matrix.owned);
    forget(&lists);
    return failed;
}

typedef struct {
    const Lists *units;
    const float *weights; /* [units, outputs] */
    Matrix drive;         /* gradient */
    float *weight_gradient;
    Vector *pulled; /* drive gradient . weights of each event, lane by lane */
} Learning;

/* Both gradients of one unit's synapses onto some vectors of outputs. */
static inline __attribute__((always_inline)) void learn_parts(const Learning *learning,
                                                              Size unit, const float *from,
                                                              Size at, int parts) {
    Size begin = learning->units->first[unit], end = learning->units->first[unit + 1];
    const Event *events = learning->units->events;
    Size row = learning->drive.row;
    Vector sum[PARTS] = {{0}}, weight[PARTS];
    for (int part = 0; part < parts; part++)
        weight[part] = load(learning->weights + at + part * LANES);
    for (Size event = begin; event < end; event++) {
        const float *drive = from + events[event].at * row;
        Vector pulled = learning->pulled[event];
        for (int part = 0; part < parts; part++) {
            Vector one = load(drive + part * LANES);
            sum[part] += events[event].value * one;
            pulled += one * weight[part];
        }
        learning->pulled[event] = pulled;
    }
    for (int part = 0; part < parts; part++)
        store(learning->weight_gradient + at + part * LANES, sum[part]);
}

/* The same for outputs that fill no vector. */
static void learn_column(const Learning *learning, Size unit, const float *from, Size at) {
    const Event *event = learning->units->events + learning->units->first[unit];
    const Event *end = learning->units->events + learning->units->first[unit + 1];
    Vector *pulled = learning->pulled + learning->units->first[unit];
    float sum = 0.0f;
    for (; event < end; event++, pulled++) {
        float one = from[event->at * learning->drive.row];
        sum += event->value * one;
        (*pulled)[0] += one * learning->weights[at];
    }
    learning->weight_gradient[at] = sum;
}

static void learn(const Learning *learning, Size unit, Size strip) {
    const Matrix *drive = &learning->drive;
    const float *from = drive->values + strip * drive->strip;
    Size at = unit * drive->width + strip * STRIP;
    Size width = smaller(drive->width - strip * STRIP, STRIP);
    switch (width / LANES) {
    case 4: learn_parts(learning, unit, from, at, 4); break;
    case 3: learn_parts(learning, unit, from, at, 3); break;
    case 2: learn_parts(learning, unit, from, at, 2); break;
    case 1: learn_parts(learning, unit, from, at, 1); break;
    }
    for (Size column = width / LANES * LANES; column < width; column++)
        learn_column(learning, unit, from + column, at + column);
}

static void learn_block(void *context, Size item) {
    const Learning *learning = context;
    Size end = smaller((item + 1) * UNITS, learning->units->lists);
    Size strips = round_up(learning->drive.width, STRIP) / STRIP;
    for (Size strip = 0; strip < strips; strip++)
        for (Size unit = item * UNITS; unit < end; unit++) learn(learning, unit, strip);
}

/* Fills the gradients of the first `units` inputs (zero for silent ones) and of their weights. */
int sparse_backward(const Team *team, const float *code, const float *weights,
                    const float *drive_gradient, float *code_gradient, float *weight_gradient,
                    Size rows, Size inputs, Size units, Size outputs) {
    Lists events = {0}, by = {0};
    Matrix drive = {0};
    Vector *pulled = NULL;
    int failed = by_row(code, inputs, code, inputs, rows, units, &events) ||
                 by_unit(&events, units, &by) ||
                 in_strips(drive_gradient, rows, outputs, events.count, &drive) ||
                 !(pulled = calloc((size_t)events.count + 1, sizeof(Vector)));
    if (!failed) {
        Learning learning = {&by, weights, drive, weight_gradient, pulled};
        run(team, learn_block, &learning, round_up(units, UNITS) / UNITS);
        for (Size row = 0; row < rows; row++)
            memset(code_gradient + row * inputs, 0, sizeof(float) * (size_t)units);
        for (Size unit = 0; unit < units; unit++)
            for (Size event = by.first[unit]; event < by.first[unit + 1]; event++)
                code_gradient[by.events[event].at * inputs + unit] = lane_sum(pulled[event]);
    }
    free(pulled);
    free(drive.owned);
    forget(&events);
    forget(&by);
    return failed;
}

/* ---- To units: potential = heard W^T + bias, of which winners alone pass a gradient ---- */

/* Fills the gradients of what was heard, [rows, width], of weights, [units, width], and biases;
   that of heard may be NULL. Losers, whose code is 0, have none, whatever reaches them. */
int sparse_encoder_backward(const Team *team, const float *code, const float *code_gradient,
                            const float *heard, const float *weights, float *heard_gradient,
                            float *weight_gradient, float *bias_gradient, Size rows,
                            Size gradient_row, Size units, Size width) {
    Lists events = {0}, by = {0};
    Matrix known = {0}, synapses = {0};
    int failed = by_row(code, units, code_gradient, gradient_row, rows, units, &events) ||
                 by_unit(&events, units, &by) ||
                 in_strips(heard, rows, width, events.count, &known) ||
                 (heard_gradient && in_strips(weights, units, width, events.count, &synapses));
    if (!failed) {
        sum_lists(team, &by, &known, weight_gradient, 1);
        if (heard_gradient) sum_lists(team, &events, &synapses, heard_gradient, 1);
        for (Size unit = 0; unit < units; unit++) {
            float sum = 0.0f;
            for (Size event = by.first[unit]; event < by.first[unit + 1]; event++)
                sum += by.events[event].value;
            bias_gradient[unit] = sum;
        }
    }
    free(known.owned);
    free(synapses.owned);
    forget(&events);
    forget(&by);
    return failed;
}
