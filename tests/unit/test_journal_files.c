#include "journal_fixture.h"

static void path_seen(void *ctx, const char *path, const struct ym_row_ident *id)
{
    seen_add(ctx, "%s:%lld", path, (long long)id->size);
}

static void copies(void **state)
{
    struct fixture *f = *state;
    struct ym_digest x = dig("x"), y = dig("y"), b2;
    struct ym_row_ident a = {UINT64_MAX, -2, 3, 4}, b = {5, 6, 7, 8}, id;
    assert_int_equal(ym_copy_get(f->j, "a.png", &id, &b2), -ENOENT);
    OK(ym_copy_put(f->j, "b.png", &b, &x));
    OK(ym_copy_put(f->j, "a.png", &b, &y));
    OK(ym_copy_put(f->j, "a.png", &a, &x));
    OK(ym_copy_get(f->j, "a.png", &id, &b2));
    assert_memory_equal(&id, &a, sizeof a);
    assert_true(ym_digest_eq(&b2, &x));
    struct seen s = {""};
    OK(ym_copy_each(f->j, &x, path_seen, &s));
    assert_string_equal(s.text, "a.png:3 b.png:7");
    OK(ym_copy_rename(f->j, "a.png", "b.png")); /* over another */
    OK(ym_copy_get(f->j, "b.png", &id, NULL));
    assert_memory_equal(&id, &a, sizeof a);
    assert_int_equal(ym_copy_rename(f->j, "a.png", "b.png"), -ENOENT);
    OK(ym_copy_get(f->j, "b.png", NULL, &b2)); /* and the target is still there */
    OK(ym_copy_rename(f->j, "b.png", "b.png"));
    OK(ym_copy_delete(f->j, "b.png"));
    assert_int_equal(ym_copy_delete(f->j, "b.png"), -ENOENT);
}

/* ---- sidecars ---- */

struct find {
    struct seen s;
    const char *take;
};

static bool offered(void *ctx, const struct ym_sidecar_row *r)
{
    struct find *x = ctx;
    seen_add(&x->s, "%s", r->path);
    return x->take && strcmp(x->take, r->path) == 0;
}

static int find(struct fixture *f, const char *s, int64_t k, const char *h, const char *take,
                const char *want)
{
    struct find x = {.take = take};
    struct ym_digest sd = dig(s ? s : ""), hd = dig(h ? h : "");
    int r = ym_sidecar_find(f->j, s ? &sd : NULL, k, h ? &hd : NULL, offered, &x);
    assert_string_equal(x.s.text, want);
    return r;
}

static void sidecar_put(struct fixture *f, const char *path, const char *s, int64_t k,
                        const char *h)
{
    struct ym_sidecar_row r = {.path = cs(path), .media = cs("m"), .variation = k};
    if (s)
        r.s = dig(s);
    if (h)
        r.h = dig(h);
    OK(ym_sidecar_put(f->j, &r, &f->e));
}

/* Those that stem from the same text come first; nothing is offered twice. */
static void sidecars_in_order(void **state)
{
    struct fixture *f = *state;
    sidecar_put(f, "h1", NULL, 0, "h");
    sidecar_put(f, "b-s", "s", 0, "other");
    sidecar_put(f, "a-s-h", "s", 0, "h");
    sidecar_put(f, "s-k1-h", "s", 1, "h");
    sidecar_put(f, "a-none", NULL, 0, NULL);
    assert_int_equal(find(f, "s", 0, "h", NULL, "a-s-h b-s h1 s-k1-h"), -ENOENT);
    assert_int_equal(find(f, "s", 0, "h", "b-s", "a-s-h b-s"), 0);
    assert_int_equal(find(f, "s", 0, "h", "h1", "a-s-h b-s h1"), 0);
    assert_int_equal(find(f, NULL, 0, "h", NULL, "a-s-h h1 s-k1-h"), -ENOENT);
    assert_int_equal(find(f, "s", 1, NULL, "s-k1-h", "s-k1-h"), 0);
    assert_int_equal(find(f, "none", 0, "none", NULL, ""), -ENOENT);
    struct find x = {.take = NULL};
    struct ym_digest zero = {{0}};
    assert_int_equal(ym_sidecar_find(f->j, &zero, 0, &zero, offered, &x), -ENOENT);
    assert_string_equal(x.s.text, "");
}

static bool same_row(void *ctx, const struct ym_sidecar_row *got)
{
    const struct ym_sidecar_row *r = ctx;
    assert_string_equal(got->path, r->path);
    assert_string_equal(got->media, r->media);
    assert_true(ym_digest_eq(&got->s, &r->s) && ym_digest_eq(&got->h, &r->h) &&
                ym_digest_eq(&got->b2, &r->b2));
    assert_true(got->variation == r->variation);
    assert_string_equal(got->doc, r->doc);
    return true;
}

static void sidecar_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ym_sidecar_row r = {.path = cs("a/x.png.json"),
                               .media = cs("a/x.png"),
                               .s = dig("s"),
                               .h = dig("h"),
                               .variation = 3,
                               .b2 = dig("b"),
                               .doc = cs("{\"a\": 1}")};
    OK(ym_sidecar_put(f->j, &r, &f->e));
    OK(ym_sidecar_put(f->j, &r, &f->e));
    OK(ym_sidecar_find(f->j, &r.s, 3, NULL, same_row, &r));
    OK(ym_sidecar_find(f->j, NULL, 0, &r.h, same_row, &r));
    sidecar_put(f, "b.json", "s", 3, NULL);
    assert_int_equal(ym_sidecar_rename(f->j, "none", "b.json", NULL), -ENOENT);
    OK(ym_sidecar_rename(f->j, r.path, "b.json", "b.png")); /* over another */
    r.path = cs("b.json");
    r.media = cs("b.png");
    OK(ym_sidecar_find(f->j, &r.s, 3, NULL, same_row, &r));
    OK(ym_sidecar_rename(f->j, "b.json", "c.json", NULL)); /* its media stays */
    r.path = cs("c.json");
    OK(ym_sidecar_find(f->j, &r.s, 3, NULL, same_row, &r));
    OK(ym_sidecar_delete(f->j, "c.json"));
    assert_int_equal(ym_sidecar_delete(f->j, "c.json"), -ENOENT);
    assert_int_equal(find(f, "s", 3, "h", NULL, ""), -ENOENT);
}

/* ---- notes, versions, small tables ---- */

static void note_seen(void *ctx, const char *path, const struct ym_digest *b2)
{
    seen_add(ctx, "%s%s", path, ym_digest_is_zero(b2) ? "!" : "");
}

static void notes(void **state)
{
    struct fixture *f = *state;
    struct ym_digest x = dig("x"), b2;
    char *prompt;
    assert_int_equal(ym_note_get(f->j, "a.error.log", &prompt, &b2), -ENOENT);
    OK(ym_note_put(f->j, "a.held.log", "other", NULL));
    OK(ym_note_put(f->j, "a.held.log", "a.txt", NULL));
    OK(ym_note_put(f->j, "a.error.log", "a.txt", &x));
    OK(ym_note_get(f->j, "a.error.log", &prompt, &b2));
    assert_string_equal(prompt, "a.txt");
    assert_true(ym_digest_eq(&b2, &x));
    free(prompt);
    OK(ym_note_get(f->j, "a.error.log", NULL, NULL));
    struct seen s = {""};
    OK(ym_note_each(f->j, "a.txt", note_seen, &s));
    assert_string_equal(s.text, "a.error.log a.held.log!");
    OK(ym_note_delete(f->j, "a.error.log"));
    assert_int_equal(ym_note_delete(f->j, "a.error.log"), -ENOENT);
}

static void version_seen(void *ctx, int seq, const struct ym_digest *b2, const char *ext,
                         const char *job, const char *sidecar, ym_wall at)
{
    struct ym_digest x = dig("x");
    assert_true(ym_digest_eq(b2, &x));
    seen_add(ctx, "%d:%s:%s:%s:%lld", seq, ext, job ? job : "-", sidecar ? sidecar : "-",
             (long long)at.ms);
}

static void versions(void **state)
{
    struct fixture *f = *state;
    struct ym_digest x = dig("x");
    struct seen s = {""};
    OK(ym_version_put(f->j, "a.png", &x, "png", "J", "{}", (ym_wall){5}));
    OK(ym_version_put(f->j, "b.png", &x, "png", NULL, NULL, (ym_wall){6}));
    OK(ym_version_put(f->j, "a.png", &x, "jpg", NULL, NULL, (ym_wall){7}));
    OK(ym_version_each(f->j, "a.png", version_seen, &s));
    assert_string_equal(s.text, "1:png:J:{}:5 2:jpg:-:-:7");
}

static void meta(void **state)
{
    struct fixture *f = *state;
    char *v;
    assert_int_equal(ym_meta_get(f->j, "k", &v), -ENOENT);
    OK(ym_meta_put(f->j, "k", "one"));
    OK(ym_meta_put(f->j, "k", ""));
    OK(ym_meta_get(f->j, "k", &v));
    assert_string_equal(v, "");
    free(v);
}

static void sources(void **state)
{
    struct fixture *f = *state;
    struct ym_digest s = dig("s"), t = dig("t");
    struct ym_id id;
    assert_int_equal(ym_source_get(f->j, &s, 0, &id), -ENOENT);
    assert_int_equal(ym_source_max(f->j, &s), -1);
    OK(ym_source_put(f->j, &s, 10, id_of(1).s));
    OK(ym_source_put(f->j, &s, 9, id_of(2).s));
    OK(ym_source_put(f->j, &t, 99, id_of(3).s));
    OK(ym_source_put(f->j, &s, 9, id_of(4).s));
    OK(ym_source_get(f->j, &s, 9, &id));
    assert_string_equal(id.s, id_of(4).s);
    assert_int_equal(ym_source_max(f->j, &s), 10);
}

static void event_seen(void *ctx, int64_t seq, const char *json)
{
    seen_add(ctx, "%lld%s", (long long)seq, json);
}

static void events(void **state)
{
    struct fixture *f = *state;
    int64_t first, last = 0;
    OK(ym_journal_begin(f->j, &f->e));
    OK(ym_event_put(f->j, (ym_wall){1}, "{}", &first));
    for (int i = 0; i < 10001; i++)
        OK(ym_event_put(f->j, (ym_wall){1}, "{}", &last));
    OK(ym_journal_commit(f->j, &f->e));
    assert_int_equal(last, first + 10001);
    struct seen s = {""}, t = {""};
    OK(ym_event_each(f->j, 0, 2, event_seen, &s)); /* the oldest are gone */
    assert_string_equal(s.text, "3{} 4{}");
    OK(ym_event_each(f->j, last - 1, 100, event_seen, &t));
    assert_string_equal(t.text, "10002{}");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(copies),
        T(sidecars_in_order),
        T(sidecar_comes_back),
        T(notes),
        T(versions),
        T(meta),
        T(sources),
        T(events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
