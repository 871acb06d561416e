#include "journal_fixture.h"

static void name_put(struct fixture *f, const char *path)
{
    struct ym_name_row r = {.path = cs(path), .kind = YM_IMAGE, .status = YM_NAME_BOUND, .n = 1};
    OK(ym_name_put(f->j, &r, &f->e));
}

static void slot_put(struct fixture *f, const char *path, int idx, int job, int status,
                     const char *result)
{
    struct ym_slot_row r = {.path = cs(path), .idx = idx, .job = id_of(job), .result = cs(result)};
    r.status = status;
    OK(ym_slot_put(f->j, &r, &f->e));
}

static void name_seen(void *ctx, const struct ym_name_row *r)
{
    seen_add(ctx, "%s", r->path);
}

static void slot_seen(void *ctx, const struct ym_slot_row *r)
{
    seen_add(ctx, "%s#%d=%s", r->path, r->idx, r->result ? r->result : "-");
}

#define SEES(call, want)                                                                           \
    do {                                                                                           \
        struct seen s = {""};                                                                      \
        OK(call);                                                                                  \
        assert_string_equal(s.text, want);                                                         \
    } while (0)

static void name_same(const struct ym_name_row *a, const struct ym_name_row *b)
{
    assert_string_equal(a->path, b->path);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->status, b->status);
    assert_memory_equal(&a->ident, &b->ident, sizeof a->ident);
    assert_true(ym_digest_eq(&a->text_b2, &b->text_b2));
    assert_int_equal(a->text_len, b->text_len);
    if (a->text)
        assert_memory_equal(a->text, b->text, a->text_len);
    else
        assert_null(b->text);
    assert_true(ym_digest_eq(&a->s, &b->s) && ym_digest_eq(&a->refs, &b->refs));
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->variation, b->variation);
    assert_true(a->settled_at.ms == b->settled_at.ms);
}

static void name_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ym_name_row got;
    struct ym_name_row rows[] = {
        {.path = cs("images/a.txt"),
         .kind = YM_VIDEO,
         .status = YM_NAME_BOUND,
         .ident = {UINT64_MAX, -1, 3, 4},
         .text_b2 = dig("t"),
         .text = cs("a\0b"),
         .text_len = 3,
         .s = dig("s"),
         .refs = dig("r"),
         .n = 5,
         .variation = INT64_C(1) << 40,
         .settled_at = {1700000000123}},
        {.path = cs("images/a.txt"), .kind = YM_IMAGE, .status = YM_NAME_SEEN, .n = 1},
        {.path = cs("images/\xff.txt"),
         .kind = YM_IMAGE,
         .status = YM_NAME_SEEN,
         .text = cs(""),
         .n = 1},
    };
    assert_int_equal(ym_name_get(f->j, "images/a.txt", &got), -ENOENT);
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        OK(ym_name_put(f->j, &rows[i], &f->e));
        OK(ym_name_get(f->j, rows[i].path, &got));
        name_same(&rows[i], &got);
        ym_name_row_fini(&got);
    }
    slot_put(f, "images/a.txt", 0, 1, YM_SLOT_PLACED, "images/a.png");
    OK(ym_name_delete(f->j, "images/a.txt"));
    assert_int_equal(ym_name_get(f->j, "images/a.txt", &got), -ENOENT);
    SEES(ym_slot_each_name(f->j, "images/a.txt", slot_seen, &s), "");
    assert_int_equal(ym_name_delete(f->j, "images/a.txt"), -ENOENT);
    slot_put(f, "cli:X", 0, 1, YM_SLOT_PLACED, NULL);
    OK(ym_name_delete(f->j, "cli:X"));
}

static void names_of_folders(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"z.txt", "a/x.txt", "a/b/y.txt", "ab/x.txt",
                                        "a.txt", "a/b.txt", "a-/x.txt"};
    for (size_t i = 0; i < YM_COUNT(paths); i++)
        name_put(f, paths[i]);
    SEES(ym_name_each(f->j, "", false, name_seen, &s), "a.txt z.txt");
    SEES(ym_name_each(f->j, "a", false, name_seen, &s), "a/b.txt a/x.txt");
    SEES(ym_name_each(f->j, "a", true, name_seen, &s), "a/b.txt a/b/y.txt a/x.txt");
    SEES(ym_name_each(f->j, "", true, name_seen, &s),
         "a-/x.txt a.txt a/b.txt a/b/y.txt a/x.txt ab/x.txt z.txt");
    SEES(ym_name_each(f->j, "none", true, name_seen, &s), "");
}

static void name_moves(void **state)
{
    struct fixture *f = *state;
    name_put(f, "a/x.txt");
    slot_put(f, "a/x.txt", 0, 1, YM_SLOT_PLACED, "a/x.png");
    slot_put(f, "a/x.txt", 1, 2, YM_SLOT_WAITING, NULL);
    name_put(f, "b/y.txt");
    slot_put(f, "b/y.txt", 0, 3, YM_SLOT_PLACED, "b/y.png");
    slot_put(f, "b/y.txt", 2, 4, YM_SLOT_PLACED, "b/y-3.png");
    assert_int_equal(ym_name_rename(f->j, "none", "b/y.txt"), -ENOENT);
    SEES(ym_slot_each_name(f->j, "b/y.txt", slot_seen, &s),
         "b/y.txt#0=b/y.png b/y.txt#2=b/y-3.png");
    OK(ym_name_rename(f->j, "a/x.txt", "a/x.txt"));
    OK(ym_name_rename(f->j, "a/x.txt", "b/y.txt"));
    SEES(ym_name_each(f->j, "", true, name_seen, &s), "b/y.txt");
    SEES(ym_name_each(f->j, "b", false, name_seen, &s), "b/y.txt");
    SEES(ym_slot_each_name(f->j, "b/y.txt", slot_seen, &s), "b/y.txt#0=a/x.png b/y.txt#1=-");
    SEES(ym_slot_each_name(f->j, "a/x.txt", slot_seen, &s), "");
    slot_put(f, "cli:X", 0, 1, YM_SLOT_PLACED, NULL); /* slots without a name move too */
    OK(ym_name_rename(f->j, "cli:X", "c.txt"));
    SEES(ym_slot_each_name(f->j, "c.txt", slot_seen, &s), "c.txt#0=-");
}

static void slot_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ym_slot_row r = {.path = cs("a/x.txt"),
                            .idx = 3,
                            .variation = 7,
                            .job = id_of(1),
                            .status = YM_SLOT_KEPT,
                            .result = cs("a/x-4.png"),
                            .ident = {1, 2, 3, 4},
                            .b2 = dig("b"),
                            .version = 9,
                            .reused = true};
    struct ym_slot_row got;
    assert_int_equal(ym_slot_get(f->j, "a/x.txt", 3, &got), -ENOENT);
    for (int i = 0; i < 4; i++) {
        r.status = i;
        r.version = i;
        r.reused = i == 2;
        OK(ym_slot_put(f->j, &r, &f->e));
        OK(ym_slot_get(f->j, "a/x.txt", 3, &got));
        assert_string_equal(got.path, r.path);
        assert_string_equal(got.result, r.result);
        assert_string_equal(got.job.s, r.job.s);
        assert_int_equal(got.idx, 3);
        assert_int_equal(got.variation, 7);
        assert_int_equal(got.status, i);
        assert_int_equal(got.version, i);
        assert_int_equal(got.reused, i == 2);
        assert_memory_equal(&got.ident, &r.ident, sizeof r.ident);
        assert_true(ym_digest_eq(&got.b2, &r.b2));
        ym_slot_row_fini(&got);
    }
    slot_put(f, "a/y.txt", 0, 1, YM_SLOT_WAITING, NULL);
    slot_put(f, "a/x.txt", 1, 1, YM_SLOT_WAITING, NULL);
    SEES(ym_slot_each_job(f->j, id_of(1).s, slot_seen, &s),
         "a/x.txt#1=- a/x.txt#3=a/x-4.png a/y.txt#0=-");
    OK(ym_slot_by_result(f->j, "a/x-4.png", &got));
    assert_int_equal(got.idx, 3);
    ym_slot_row_fini(&got);
    assert_int_equal(ym_slot_by_result(f->j, "a/x.png", &got), -ENOENT);
    OK(ym_slot_delete(f->j, "a/x.txt", 3));
    assert_int_equal(ym_slot_delete(f->j, "a/x.txt", 3), -ENOENT);
    SEES(ym_slot_each_name(f->j, "a/x.txt", slot_seen, &s), "a/x.txt#1=-");
}

static void job_to(struct fixture *f, int n, enum ym_state s)
{
    struct ym_job_row r;
    OK(ym_job_get(f->j, id_of(n).s, &r));
    r.state = s;
    OK(ym_job_update(f->j, &r, &f->e));
    ym_job_row_fini(&r);
}

static void id_seen(void *ctx, const char *id)
{
    seen_add(ctx, "%d", (int)strtol(id + 10, NULL, 10));
}

/* Done, but not where it belongs: whichever of job and slot is written last. */
static void landing(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= 4; i++) {
        struct ym_job_row r = JOB(i);
        OK(ym_job_insert(f->j, &r, &f->e));
    }
    slot_put(f, "a.txt", 0, 1, YM_SLOT_WAITING, NULL);
    slot_put(f, "b.txt", 0, 1, YM_SLOT_WAITING, NULL);
    slot_put(f, "c.txt", 0, 2, YM_SLOT_PLACED, "c.png");
    slot_put(f, "e.txt", 0, 5, YM_SLOT_WAITING, NULL);
    SEES(ym_slot_each_done_waiting(f->j, id_seen, &s), "");
    job_to(f, 1, YM_JOB_DONE);
    job_to(f, 2, YM_JOB_DONE);
    job_to(f, 3, YM_JOB_DONE);
    struct ym_job_row five = JOB(5, .state = YM_JOB_DONE);
    OK(ym_job_insert(f->j, &five, &f->e));
    slot_put(f, "d.txt", 0, 3, YM_SLOT_WAITING, NULL);
    slot_put(f, "d.txt", 1, 4, YM_SLOT_WAITING, NULL);
    SEES(ym_slot_each_done_waiting(f->j, id_seen, &s), "1 3 5");
    slot_put(f, "a.txt", 0, 1, YM_SLOT_PLACED, "a.png");
    SEES(ym_slot_each_done_waiting(f->j, id_seen, &s), "1 3 5");
    slot_put(f, "b.txt", 0, 1, YM_SLOT_DELETED, NULL);
    job_to(f, 3, YM_JOB_HELD);
    SEES(ym_slot_each_done_waiting(f->j, id_seen, &s), "5");
    OK(ym_name_rename(f->j, "e.txt", "f.txt"));
    SEES(ym_slot_each_done_waiting(f->j, id_seen, &s), "5");
}

static void working_seen(void *ctx, const char *prompt, const struct ym_job_row *job)
{
    seen_add(ctx, "%s:%s", prompt, ym_state_name(job->state));
}

static void waiting(void **state)
{
    struct fixture *f = *state;
    static const enum ym_state states[] = {YM_JOB_QUEUED, YM_JOB_RESERVED, YM_JOB_ACCEPTED,
                                           YM_JOB_STORED, YM_JOB_HELD,     YM_JOB_FAILED,
                                           YM_JOB_DONE};
    for (size_t i = 0; i < YM_COUNT(states); i++) {
        char path[32];
        struct ym_job_row r = JOB((int)i, .state = states[i], .queued_at = {(int64_t)(100 + i)});
        OK(ym_job_insert(f->j, &r, &f->e));
        snprintf(path, sizeof path, "a/%zu.txt", i);
        slot_put(f, path, 0, (int)i, YM_SLOT_WAITING, NULL);
    }
    slot_put(f, "a/b/x.txt", 0, 0, YM_SLOT_WAITING, NULL);
    slot_put(f, "cli:X", 0, 0, YM_SLOT_WAITING, NULL);
    slot_put(f, "a/p.txt", 0, 0, YM_SLOT_PLACED, "a/p.png");
    SEES(ym_slot_each_waiting(f->j, "a", (ym_wall){1000}, working_seen, &s),
         "a/0.txt:queued a/1.txt:reserved a/2.txt:accepted");
    SEES(ym_slot_each_waiting(f->j, "a", (ym_wall){101}, working_seen, &s), "a/0.txt:queued");
    SEES(ym_slot_each_waiting(f->j, "a/b", (ym_wall){1000}, working_seen, &s), "a/b/x.txt:queued");
    SEES(ym_slot_each_waiting(f->j, "", (ym_wall){1000}, working_seen, &s), "");
}

/* ---- folders ---- */

static void path_seen(void *ctx, const char *path, const struct ym_row_ident *id)
{
    (void)id;
    seen_add(ctx, "%s", path);
}

static void note_seen(void *ctx, const char *path, const struct ym_digest *b2)
{
    (void)b2;
    seen_add(ctx, "%s", path);
}

static bool sidecar_seen(void *ctx, const struct ym_sidecar_row *r)
{
    seen_add(ctx, "%s>%s", r->path, r->media);
    return false;
}

static void version_seen(void *ctx, int seq, const struct ym_digest *b2, const char *ext,
                         const char *job, const char *sidecar, ym_wall at)
{
    (void)b2, (void)job, (void)sidecar, (void)at;
    seen_add(ctx, "%d%s", seq, ext);
}

/* One of everything in a folder. */
static void folder_fill(struct fixture *f, const char *dir)
{
    char prompt[200], result[200], side[200], note[200];
    struct ym_digest b2 = dig("b2");
    struct ym_row_ident id = {1, 2, 3, 4};
    snprintf(prompt, sizeof prompt, "%s/x.txt", dir);
    snprintf(result, sizeof result, "%s/x.png", dir);
    snprintf(side, sizeof side, "%s/x.png.json", dir);
    snprintf(note, sizeof note, "%s/x.held.log", dir);
    name_put(f, prompt);
    slot_put(f, prompt, 0, 1, YM_SLOT_PLACED, result);
    OK(ym_copy_put(f->j, result, &id, &b2));
    struct ym_sidecar_row sc = {.path = side, .media = result, .h = dig("h")};
    OK(ym_sidecar_put(f->j, &sc, &f->e));
    OK(ym_note_put(f->j, note, prompt, &b2));
    OK(ym_version_put(f->j, result, &b2, dir, NULL, NULL, (ym_wall){1}));
    struct ym_hold_row h = {.id = ym_id_new((ym_wall){1}), .note = note, .target = prompt};
    OK(ym_hold_put(f->j, &h, &f->e));
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p++)
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static void folder_has(struct fixture *f, const char *dir, bool want)
{
    char prompt[200], result[200], side[200], note[200], text[600];
    struct ym_digest b2 = dig("b2"), h = dig("h");
    snprintf(prompt, sizeof prompt, "%s/x.txt", dir);
    snprintf(result, sizeof result, "%s/x.png", dir);
    snprintf(side, sizeof side, "%s/x.png.json>%s/x.png", dir, dir);
    snprintf(note, sizeof note, "%s/x.held.log", dir);
    struct seen all = {""};
    SEES(ym_name_each(f->j, dir, false, name_seen, &s), want ? prompt : "");
    snprintf(text, sizeof text, "%s#0=%s", prompt, result);
    SEES(ym_slot_each_name(f->j, prompt, slot_seen, &s), want ? text : "");
    struct ym_slot_row slot = {.path = NULL};
    assert_int_equal(ym_slot_by_result(f->j, result, &slot), want ? 0 : -ENOENT);
    ym_slot_row_fini(&slot);
    OK(ym_copy_each(f->j, &b2, path_seen, &all));
    assert_int_equal(has_word(all.text, result), want);
    struct seen cars = {""};
    ym_sidecar_find(f->j, NULL, 0, &h, sidecar_seen, &cars);
    assert_int_equal(has_word(cars.text, side), want);
    SEES(ym_note_each(f->j, prompt, note_seen, &s), want ? note : "");
    struct ym_hold_row hold = {.note = NULL};
    assert_int_equal(ym_hold_by_note(f->j, note, &hold), want ? 0 : -ENOENT);
    ym_hold_row_fini(&hold);
    assert_int_equal(ym_hold_by_target(f->j, prompt, &hold), want ? 0 : -ENOENT);
    ym_hold_row_fini(&hold);
}

static void folder_moves(void **state)
{
    struct fixture *f = *state;
    /* from, to, and what must not move with it */
    static const struct {
        const char *from, *to, *sibling;
    } cases[] = {
        {"a", "b", "ab"},           {"a%", "c/d", "axx"},
        {"a_b", "a", "axb"},        {"a\\", "e\\%", "a\\\\"},
        {"d\xc3\xa4", "\xff", "d"}, {"\xff\xfe", "g", "\xff"},
        {"x/y", "w", "x/y2"},       {"m", "m0", "m-"},
        {"'q\"", "r", "q"},         {"images/A", "images/a", "images/AA"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char deep[100], deep_to[100];
        void *inner = NULL;
        ym_assert(fixture_setup(&inner) == 0 && inner != NULL);
        struct fixture *g = inner;
        snprintf(deep, sizeof deep, "%s/sub", cases[i].from);
        snprintf(deep_to, sizeof deep_to, "%s/sub", cases[i].to);
        folder_fill(g, cases[i].from);
        folder_fill(g, deep);
        folder_fill(g, cases[i].sibling);
        assert_int_equal(ym_folder_rename(g->j, cases[i].from, cases[i].to), 0);
        folder_has(g, cases[i].from, false);
        folder_has(g, deep, false);
        folder_has(g, cases[i].to, true);
        folder_has(g, deep_to, true);
        folder_has(g, cases[i].sibling, true);
        assert_int_equal(ym_folder_rename(g->j, cases[i].to, cases[i].from), 0);
        folder_has(g, cases[i].from, true);
        folder_has(g, cases[i].to, false);
        fixture_teardown(&inner);
    }
    OK(ym_folder_rename(f->j, "nothing", "there"));
}

/* What the journal still holds of a folder that is gone gives way; its history does not. */
static void folder_meets_older_rows(void **state)
{
    struct fixture *f = *state;
    folder_fill(f, "a");
    folder_fill(f, "b");
    slot_put(f, "b/x.txt", 1, 7, YM_SLOT_PLACED, "b/x-2.png");
    name_put(f, "b/other.txt");
    OK(ym_folder_rename(f->j, "a", "b"));
    SEES(ym_name_each(f->j, "b", true, name_seen, &s), "b/other.txt b/x.txt");
    SEES(ym_slot_each_name(f->j, "b/x.txt", slot_seen, &s), "b/x.txt#0=b/x.png");
    SEES(ym_version_each(f->j, "b/x.png", version_seen, &s), "1b 2a");
    SEES(ym_version_each(f->j, "a/x.png", version_seen, &s), "");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(name_comes_back), T(names_of_folders), T(name_moves),   T(slot_comes_back),
        T(landing),         T(waiting),          T(folder_moves), T(folder_meets_older_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
