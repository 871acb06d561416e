/* The columns of a job, once: C(column, type, member). The texts of the queries, the arguments and
 * the reading in jobs.c are made of these rows, in their order. */
#ifndef YM_JOURNAL_JOB_COLUMNS_H
#define YM_JOURNAL_JOB_COLUMNS_H

// clang-format off
/* Written only when one of them differs: each lies in an index. */
#define JOB_KEYS(C)                                                                                \
    C(lane, TEXT, lane)                                                                            \
    C(priority, INT, priority)                                                                     \
    C(run_at, WALL, run_at)                                                                        \
    C(bulk, TEXT, bulk)                                                                            \
    C(hold_id, TEXT, hold_id)                                                                      \
    C(provider, TEXT, provider)                                                                    \
    C(h, DIGEST, h)
#define JOB_KEYS_N 7
#define JOB_REST(C)                                                                                \
    C(model, TEXT, model)                                                                          \
    C(prompt, TEXT, prompt)                                                                        \
    C(request, TEXT, request)                                                                      \
    C(variation, I64, variation)                                                                   \
    C(folder, TEXT, folder)                                                                        \
    C(origin, TEXT, origin)                                                                        \
    C(queued_at, WALL, queued_at)                                                                  \
    C(started_at, WALL, started_at)                                                                \
    C(finished_at, WALL, finished_at)                                                              \
    C(attempts, INT, attempts)                                                                     \
    C(tries_total, INT, tries_total)                                                               \
    C(empties, INT, empties)                                                                       \
    C(class, CLASS, cls)                                                                           \
    C(error, TEXT, error)                                                                          \
    C(words, TEXT, words)                                                                          \
    C(est_low, MONEY, est.low)                                                                     \
    C(est_expected, MONEY, est.expected)                                                           \
    C(est_high, MONEY, est.high)                                                                   \
    C(cost, MONEY, cost)                                                                           \
    C(cost_is_estimate, BOOL, cost_is_estimate)                                                    \
    C(max_usd, MONEY, max_usd)                                                                     \
    C(held_why, TEXT, held_why)                                                                    \
    C(driver_state, TEXT, driver_state)                                                            \
    C(has_handle, BOOL, has_handle)                                                                \
    C(provider_id, TEXT, provider_id)                                                              \
    C(model_version, TEXT, model_version)                                                          \
    C(safety, TEXT, safety)                                                                        \
    C(text, TEXT, text)                                                                            \
    C(b2, DIGEST, b2)                                                                              \
    C(staged, TEXT, staged)                                                                        \
    C(ext, TEXT, ext)                                                                              \
    C(mime, TEXT, mime)                                                                            \
    C(size, I64, size)                                                                             \
    C(width, INT, width)                                                                           \
    C(height, INT, height)                                                                         \
    C(duration_ms, I64, duration_ms)                                                               \
    C(c2pa, BOOL, c2pa)                                                                            \
    C(reused_from, TEXT, reused_from)                                                              \
    C(adopted, BOOL, adopted)                                                                      \
    C(paying, BOOL, paying)                                                                        \
    C(tried, TEXT, tried)                                                                          \
    C(tier, TEXT, tier)                                                                            \
    C(carrier, TEXT, carrier)
// clang-format on

/* In the list of an INSERT or UPDATE, after another column; in a SELECT beside other tables. */
#define JOB_COMMA(column, type, member)  ", " #column
#define JOB_SELECT(column, type, member) ", job." #column

#endif
