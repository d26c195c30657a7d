/* The passes of kernels.c followed by a 2x2 max-pool; included there.
 *
 * Currents are (T, A, 2, W, 2, C): channels last, A = images times rows of the pooled image. As in
 * max_pool2d, the first of equal maxima of a window, row by row, gets its gradient.
 */

/* A tile: `wide` windows side by side. Its upper and its lower row are contiguous, 2 wide C
 * elements each, since channels come last. */
#define OFFSET(a, row, w) (((2 * (a) + (row)) * W + (w)) * 2 * C)

static void pool(block top, block bottom, long wide, long C, REAL *out, long step) {
    for (long t = 0; t < T; ++t)
        for (long x = 0; x < wide; ++x) {
            const REAL *p = top[t] + 2 * x * C, *q = bottom[t] + 2 * x * C;
            REAL *o = out + t * step + x * C;
            EACH(k, C) {
                REAL up = p[k] > p[C + k] ? p[k] : p[C + k];
                REAL down = q[k] > q[C + k] ? q[k] : q[C + k];
                o[k] = up > down ? up : down;
            }
        }
}

/* The pooled gradient, given to the first maximum of its window. */
static void unpool(block top, block bottom, long wide, long C, const REAL *g, long step,
                   block g_top, block g_bottom) {
    for (long t = 0; t < T; ++t)
        for (long x = 0; x < wide; ++x) {
            const REAL *p = top[t] + 2 * x * C, *q = bottom[t] + 2 * x * C;
            const REAL *from = g + t * step + x * C;
            REAL *restrict gp = g_top[t] + 2 * x * C, *restrict gq = g_bottom[t] + 2 * x * C;
            EACH(k, C) {
                REAL a = p[k], b = p[C + k], c = q[k], d = q[C + k], v = from[k];
                gp[k] = (a >= b) & (a >= c) & (a >= d) ? v : 0;
                gp[C + k] = (b > a) & (b >= c) & (b >= d) ? v : 0;
                gq[k] = (c > a) & (c > b) & (c >= d) ? v : 0;
                gq[C + k] = (d > a) & (d > b) & (d > c) ? v : 0;
            }
        }
}

/* The transpose of unpool. */
static void pick(block top, block bottom, block a_top, block a_bottom, long wide, long C,
                 REAL *out, long step) {
    for (long t = 0; t < T; ++t)
        for (long x = 0; x < wide; ++x) {
            const REAL *p = top[t] + 2 * x * C, *q = bottom[t] + 2 * x * C;
            const REAL *ap = a_top[t] + 2 * x * C, *aq = a_bottom[t] + 2 * x * C;
            REAL *o = out + t * step + x * C;
            EACH(k, C) {
                REAL best = p[k], v = ap[k];
                v = p[C + k] > best ? ap[C + k] : v;
                best = p[C + k] > best ? p[C + k] : best;
                v = q[k] > best ? aq[k] : v;
                best = q[k] > best ? q[k] : best;
                o[k] = q[C + k] > best ? aq[C + k] : v;
            }
        }
}

int pooled_forward(long begin, long end, long A, long W, long C, int constant, const REAL *I,
                   REAL *out) {
    block *room = blocks(3);
    if (!room) return 1;
    row *h = room[0], *top = room[1], *bottom = room[2];
    long step = constant ? 0 : 4 * A * W * C, most = CHUNK / (2 * C) ? CHUNK / (2 * C) : 1;
    for (long a = begin; a < end; ++a)
        for (long w = 0; w < W; w += most) {
            long wide = least(most, W - w), n = 2 * wide * C;
            membranes(I + OFFSET(a, 0, w), step, n, h, top);
            membranes(I + OFFSET(a, 1, w), step, n, h, bottom);
            pool(top, bottom, wide, C, out + (a * W + w) * C, A * W * C);
        }
    free(room);
    return 0;
}

int pooled_backward(long begin, long end, long A, long W, long C, int constant, const REAL *I,
                    const REAL *gp, REAL *out) {
    block *room = blocks(6);
    if (!room) return 1;
    row *h_top = room[0], *h_bottom = room[1], *top = room[2], *bottom = room[3],
        *g_top = room[4], *g_bottom = room[5];
    long step = constant ? 0 : 4 * A * W * C, most = CHUNK / (2 * C) ? CHUNK / (2 * C) : 1;
    for (long a = begin; a < end; ++a)
        for (long w = 0; w < W; w += most) {
            long wide = least(most, W - w), n = 2 * wide * C;
            long up = OFFSET(a, 0, w), down = OFFSET(a, 1, w);
            membranes(I + up, step, n, h_top, top);
            membranes(I + down, step, n, h_bottom, bottom);
            unpool(top, bottom, wide, C, gp + (a * W + w) * C, A * W * C, g_top, g_bottom);
            backward(h_top, top, g_top, n, out + up, step);
            backward(h_bottom, bottom, g_bottom, n, out + down, step);
        }
    free(room);
    return 0;
}

int pooled_double(long begin, long end, long A, long W, long C, int constant, const REAL *I,
                  const REAL *gp, const REAL *c, REAL *to_gp, REAL *out) {
    block *room = blocks(8);
    if (!room) return 1;
    row *h_top = room[0], *h_bottom = room[1], *top = room[2], *bottom = room[3],
        *g_top = room[4], *g_bottom = room[5], *a_top = room[6], *a_bottom = room[7];
    long step = constant ? 0 : 4 * A * W * C, most = CHUNK / (2 * C) ? CHUNK / (2 * C) : 1;
    for (long a = begin; a < end; ++a)
        for (long w = 0; w < W; w += most) {
            long wide = least(most, W - w), n = 2 * wide * C, here = (a * W + w) * C;
            long up = OFFSET(a, 0, w), down = OFFSET(a, 1, w);
            membranes(I + up, step, n, h_top, top);
            membranes(I + down, step, n, h_bottom, bottom);
            unpool(top, bottom, wide, C, gp + here, A * W * C, g_top, g_bottom);
            double_backward(h_top, top, g_top, c + up, n, a_top, out + up, step);
            double_backward(h_bottom, bottom, g_bottom, c + down, n, a_bottom, out + down, step);
            pick(top, bottom, a_top, a_bottom, wide, C, to_gp + here, A * W * C);
        }
    free(room);
    return 0;
}
