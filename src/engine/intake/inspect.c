/* Reading a name: bytes, front matter, folder defaults, references, source hash. On a worker; gives
 * facts, decides nothing. */
#include "engine_private.h"

void facts_free(struct facts *f)
{
    if (!f)
        return;
    adopted_free(f);
    free(f->path);
    ym_file_facts_fini(&f->file);
    cJSON_Delete(f->fields);
    free(f->prompt);
    ym_refs_free(f->refs, f->nrefs);
    free(f->includes);
    free(f);
}

/* ---- folder defaults ---- */
struct folders {
    cJSON *fields;      /* merged */
    enum ym_kind kind;  /* of the nearest folder.toml that names one, else by the path */
};

static int folders_read(const struct ym_store *s, const char *path, struct folders *ret, struct ym_err *err)
{
    struct ym_folder_text *t = NULL;
    size_t n = 0;
    int r = ym_library_folder_texts(s, path, &t, &n, err);
    *ret = (struct folders){.fields = cJSON_CreateObject(), .kind = ym_path_kind(path)};
    for (size_t i = 0; i < n && r == 0; i++) {
        YM_AUTOJSON cJSON *fields = NULL;
        enum ym_kind k = YM_KIND_NONE;
        struct ym_err why;
        r = ym_folder_parse(t[i].text, t[i].len, &fields, &k, &why);
        if (r < 0) {
            ym_fail(err, YM_INVALID, EINVAL, "%s%sfolder.toml: %.150s", t[i].folder, *t[i].folder ? "/" : "", why.msg);
            break;
        }
        if (k != YM_KIND_NONE && !ym_path_hidden(path))
            ret->kind = k;
        cJSON *merged = ym_fields_merge(ret->fields, fields);
        cJSON_Delete(ret->fields);
        ret->fields = merged;
    }
    ym_folder_texts_free(t, n);
    return r;
}

/* What of the defaults belongs to the identity: that which changes the output. */
static bool is_identity(const char *name)
{
    static const char *const own_place[] = {"prompt", "negative_prompt", "model", "image_model", "video_model",
                                            "audio_model", "sfx_model", "text_model", "provider", "references",
                                            "workflow", "include", NULL};
    const struct ym_field *d = ym_field_find(name);
    for (size_t i = 0; own_place[i]; i++)
        if (strcmp(own_place[i], name) == 0)
            return true;
    return d && d->in_request;
}

static char *defaults_canonical(const cJSON *fields)
{
    YM_AUTOJSON cJSON *only = cJSON_CreateObject();
    const cJSON *f;
    cJSON_ArrayForEach(f, fields)
    {
        if (is_identity(f->string))
            cJSON_AddItemToObject(only, f->string, cJSON_Duplicate(f, true));
    }
    return ym_json_canonical(only);
}

/* ---- the text ---- */
static int text_check(const struct ym_file_facts *file, struct ym_err *err)
{
    if (file->too_big)
        return ym_fail(err, YM_INVALID, EFBIG, "The file is larger than 1 MiB, too long for a prompt: shorten it, or keep it under another ending.");
    const char *nul = memchr(file->bytes, 0, file->len);
    if (nul)
        return ym_fail(err, YM_INVALID, EINVAL, "The file holds a NUL byte at offset %td: save it as plain UTF-8 text.", nul - file->bytes);
    size_t valid = ym_utf8_valid(file->bytes, file->len);
    if (valid < file->len)
        return ym_fail(err, YM_INVALID, EILSEQ, "The file is not valid UTF-8 at byte %zu: save it as UTF-8.", valid);
    return 0;
}

/* A text with another program's parameter lines below it: what they say comes between the folder's
 * defaults and the front matter. Which keys that were is kept, as not every model takes them. */
static int parameters_parse(struct facts *f, struct ym_span *body, cJSON **fields)
{
    YM_AUTOJSON cJSON *raw = NULL, *own = NULL;
    if (!ym_parameter_lines(body->s, body->len, body, &raw))
        return 0;
    int r = ym_fields_check(raw, "parameter lines", &own, &f->err);
    if (r < 0)
        return r;
    cJSON *model = cJSON_DetachItemFromObjectCaseSensitive(own, "model");
    cJSON *merged = ym_fields_merge(*fields, own), *names = cJSON_CreateArray();
    const cJSON *k;
    cJSON_DeleteItemFromObjectCaseSensitive(merged, RESOLVE_PASTED);
    if (model)
        cJSON_AddItemToObject(merged, RESOLVE_PASTED, model);
    cJSON_ArrayForEach(k, own)
        if (strcmp(k->string, "seed") != 0 && strcmp(k->string, "negative_prompt") != 0)
            cJSON_AddItemToArray(names, cJSON_CreateString(k->string));
    cJSON_Delete(*fields);
    cJSON_DeleteItemFromObjectCaseSensitive(merged, RESOLVE_OPTIONAL);
    cJSON_AddItemToObject(merged, RESOLVE_OPTIONAL, names);
    *fields = merged;
    return 0;
}

/* A text of the library, beside the prompt or by its path from the root. */
static int include_read(struct facts *f, const char *path, struct ym_file_facts *ret)
{
    const char *base = strrchr(f->path, '/');
    YM_AUTOFREE char *beside = ym_asprintf("%.*s%s", base ? (int)(base + 1 - f->path) : 0, f->path, path);
    char shown[96];
    int r = ym_library_read(f->e->p.store, beside, ret, &f->err);
    if (r == 0 && !ret->exists) {
        ym_file_facts_fini(ret);
        r = ym_library_read(f->e->p.store, path, ret, &f->err);
    }
    if (r == 0 && !(ret->exists && ret->regular)) {
        ym_file_facts_fini(ret);
        r = ym_fail(&f->err, YM_INVALID, ENOENT, "include: there is no text %s in the library.",
                    ym_text_show(path, shown, sizeof(shown)));
    }
    return r;
}

/* The included texts stand before the prompt; their bytes are part of its identity. */
static int includes_read(struct facts *f)
{
    const cJSON *list = ym_json_get(f->fields, "include"), *item;
    YM_AUTOBUF struct ym_buf all;
    ym_buf_init(&all, YM_PROMPT_MAX);
    cJSON_ArrayForEach(item, list)
    {
        struct ym_file_facts text = {0};
        int r = cJSON_IsString(item) ? include_read(f, item->valuestring, &text) : 0;
        if (r < 0)
            return r;
        r = text_check(&text, &f->err);
        size_t len = text.len;
        const char *s = r == 0 && text.bytes ? ym_text_trim(text.bytes, &len) : "";
        f->includes = ym_realloc(f->includes, (f->nincludes + 1) * sizeof(*f->includes));
        f->includes[f->nincludes++] = text.b2;
        if (r == 0 && (ym_buf_add(&all, s, len) < 0 || ym_buf_adds(&all, "\n\n") < 0))
            r = ym_fail(&f->err, YM_INVALID, EFBIG, "include: the texts are longer than 1 MiB together.");
        ym_file_facts_fini(&text);
        if (r < 0)
            return r;
    }
    if (f->nincludes) {
        char *whole = ym_asprintf("%s%s", all.data ? all.data : "", f->prompt);
        free(f->prompt);
        f->prompt = whole;
    }
    return 0;
}

static int text_parse(struct facts *f, const cJSON *folder_fields)
{
    struct ym_span head, body;
    YM_AUTOJSON cJSON *raw = NULL, *own = NULL, *lower = cJSON_Duplicate(folder_fields, true);
    int r = ym_front_matter(f->file.bytes, f->file.len, &head, &body, &f->err);
    if (r < 0)
        return r;
    if (head.len && (r = ym_yaml_parse(head.s, head.len, &raw, &f->err)) < 0)
        return r;
    if (raw && (r = ym_fields_check(raw, "front matter", &own, &f->err)) < 0)
        return r;
    if ((r = parameters_parse(f, &body, &lower)) < 0)
        return r;
    f->fields = ym_fields_merge(lower, own);
    size_t len = body.len;
    const char *text = ym_text_trim(body.s, &len);
    const char *in_front = ym_json_str(f->fields, "prompt");
    f->prompt = len || !in_front ? ym_strndup(text, len) : ym_strdup(in_front);
    if (!*f->prompt)
        return ym_fail(&f->err, YM_INVALID, EINVAL, "The prompt is empty below the front matter: write what you want to see.");
    return includes_read(f);
}

/* References by the fields that name them; an edited source_image_url goes before. */
static void document_refs(const cJSON *refs, cJSON *raw)
{
    static const char *const fields[] = {[YM_REF_SOURCE] = "from_image", [YM_REF_LAST_FRAME] = "last_frame",
                                         [YM_REF_WORKFLOW] = "workflow"};
    const cJSON *ref;
    cJSON_ArrayForEach(ref, refs)
    {
        const char *path = ym_json_str(ref, "path"), *role = ym_json_str_or(ref, "role", "");
        bool taken = false;
        for (unsigned k = YM_REF_SOURCE; path && k < YM_REF_ROLE_COUNT; k++)
            if (strcmp(role, ym_ref_role_name(k)) == 0) {
                taken = true;
                if (!ym_json_get(raw, fields[k]))
                    cJSON_AddStringToObject(raw, fields[k], path);
            }
        const char *first = ym_json_str(raw, "from_image");
        if (!path || taken || (first && strcmp(first, path) == 0))
            continue;
        cJSON *list = cJSON_GetObjectItemCaseSensitive(raw, "references");
        if (!list)
            list = cJSON_AddArrayToObject(raw, "references");
        cJSON_AddItemToArray(list, cJSON_CreateString(path));
    }
}

/* A sidecar used as a prompt: the same request again, or with what was edited. */
static int document_parse(struct facts *f, const cJSON *folder_fields)
{
    YM_AUTOJSON cJSON *doc = NULL, *raw = NULL, *own = NULL;
    static const char *const keys[][2] = {{"negative_prompt", "negative_prompt"}, {"model_name", "model"},
                                          {"model", "model"}, {"aspect_ratio", "aspect_ratio"}, {"seed", "seed"},
                                          {"quality", "quality"}, {"source_image_url", "from_image"}};
    int r = ym_json_parse(f->file.bytes, f->file.len, YM_PROMPT_MAX, &doc, &f->err);
    const char *prompt = r == 0 ? ym_json_str(doc, "prompt") : NULL;
    if (!prompt) { /* a plain file, or a batch, which is not ours to judge here */
        f->kind = YM_KIND_NONE;
        f->err.cls = YM_OK;
        return 0;
    }
    const cJSON *params = ym_json_at(doc, "ymago.params");
    raw = params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
    for (size_t i = 0; i < YM_COUNT(keys); i++) {
        const cJSON *v = ym_json_get(doc, keys[i][0]);
        if (!v || cJSON_IsNull(v) || (cJSON_IsString(v) && !*v->valuestring))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(raw, keys[i][1]);
        cJSON_AddItemToObject(raw, keys[i][1], cJSON_Duplicate(v, true));
    }
    document_refs(ym_json_at(doc, "ymago.references"), raw);
    const char *provider = ym_json_str(ym_json_get(doc, "ymago"), "provider");
    if (provider && !ym_json_get(raw, "provider"))
        cJSON_AddStringToObject(raw, "provider", provider);
    int64_t k = ym_json_int_or(ym_json_get(doc, "ymago"), "variation", 0);
    /* A sidecar's seed is the one that was sent, seed + variation: only another one is an edit. */
    int64_t base = ym_json_int_or(params, "seed", -1), sent = ym_json_int_or(doc, "seed", -1);
    if (sent == (base >= 0 ? base + k : -1)) {
        cJSON_DeleteItemFromObjectCaseSensitive(raw, "seed");
        if (base >= 0)
            cJSON_AddNumberToObject(raw, "seed", (double)base);
    } else {
        k = 0;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(raw, "variation");
    cJSON_AddNumberToObject(raw, "variation", (double)k);
    if ((r = ym_fields_check(raw, "request", &own, &f->err)) < 0)
        return r;
    f->fields = ym_fields_merge(folder_fields, own);
    f->prompt = ym_strdup(prompt);
    return 0;
}

/* ---- references ---- */
static void ref_append(struct facts *f, struct ym_ref *r)
{
    f->refs = ym_realloc(f->refs, (f->nrefs + 1) * sizeof(*f->refs));
    f->refs[f->nrefs++] = *r;
    *r = (struct ym_ref){0};
}

static int ref_named(struct facts *f, enum ym_ref_role role, const char *path)
{
    struct ym_ref ref = {.role = role};
    if (strncmp(path, "https://", 8) == 0 && role != YM_REF_WORKFLOW) {
        ref.path = ym_strdup(path);
        ref.is_url = true;
        ref.b2 = ym_digest_of(path, strlen(path));
    } else if (strstr(path, "://")) {
        return ym_fail(&f->err, YM_INVALID, EINVAL, "A reference image is a file of this folder or an https address, not \"%.80s\".", path);
    } else {
        int r = ym_library_ref(f->e->p.store, f->path, path, role, &ref, &f->err);
        if (r < 0)
            return r;
    }
    ref_append(f, &ref);
    return 0;
}

/* By role, else in the order of their naming: a sidecar used as a prompt gives the same request. */
static void refs_sort(struct facts *f)
{
    static const uint8_t rank[] = {[YM_REF_SOURCE] = 0, [YM_REF_LAST_FRAME] = 1, [YM_REF_WORKFLOW] = 2, [YM_REF_REFERENCE] = 3};
    for (size_t i = 1; i < f->nrefs; i++)
        for (size_t k = i; k > 0 && rank[f->refs[k - 1].role] > rank[f->refs[k].role]; k--) {
            struct ym_ref swap = f->refs[k];
            f->refs[k] = f->refs[k - 1];
            f->refs[k - 1] = swap;
        }
}

static int refs_read(struct facts *f)
{
    static const struct {
        const char *field;
        enum ym_ref_role role;
    } single[] = {{"from_image", YM_REF_SOURCE}, {"last_frame", YM_REF_LAST_FRAME}, {"workflow", YM_REF_WORKFLOW}};
    int r = ym_library_refs(f->e->p.store, f->path, &f->refs, &f->nrefs, &f->err);
    for (size_t i = 0; i < YM_COUNT(single) && r == 0; i++) {
        const char *p = ym_json_str(f->fields, single[i].field);
        if (p)
            r = ref_named(f, single[i].role, p);
    }
    const cJSON *more = ym_json_get(f->fields, "references"), *m;
    cJSON_ArrayForEach(m, more)
        if (r == 0 && cJSON_IsString(m))
            r = ref_named(f, YM_REF_REFERENCE, m->valuestring);
    if (r < 0 || f->nrefs == 0)
        return r;
    refs_sort(f);
    struct ym_hash *h = ym_hash_new();
    for (size_t i = 0; i < f->nrefs; i++)
        ym_hash_field(h, f->refs[i].b2.b, sizeof(f->refs[i].b2.b));
    f->refs_b2 = ym_hash_end(h);
    ym_hash_free(h);
    return 0;
}

static void identify(struct facts *f, const char *defaults)
{
    YM_AUTOFREE struct ym_digest *d = ym_alloc_array(f->nrefs + f->nincludes + 1, sizeof(*d));
    for (size_t i = 0; i < f->nrefs; i++)
        d[i] = f->refs[i].b2;
    for (size_t i = 0; i < f->nincludes; i++)
        d[f->nrefs + i] = f->includes[i];
    f->s = ym_identity_source(f->kind, f->file.bytes, f->file.len, d, f->nrefs + f->nincludes, defaults);
    f->n = f->name.n ? f->name.n : (int)ym_json_int_or(f->fields, "n", 1);
    f->variation = ym_json_int_or(f->fields, "variation", 0);
}

static bool is_blank(const struct ym_file_facts *file)
{
    size_t len = file->len;
    if (!file->bytes)
        return false;
    ym_text_trim(file->bytes, &len);
    return len == 0;
}

struct inspection { /* the facts until decide() takes them */
    struct facts *f;
};

/* What the text itself says it shall become goes before its folder. */
static void kind_named(struct facts *f)
{
    enum ym_kind k = ym_kind_parse(ym_json_str_or(f->fields, "media_type", ""));
    if (k != YM_KIND_NONE)
        f->kind = k;
}

static void inspect_work(void *ctx)
{
    struct facts *f = ((struct inspection *)ctx)->f;
    struct folders d;
    const char *base = strrchr(f->path, '/');
    ym_name_classify(base ? base + 1 : f->path, &f->name);
    int folder_err = folders_read(f->e->p.store, f->path, &d, &f->err);
    f->kind = ym_path_hidden(f->path) ? YM_KIND_NONE : d.kind;
    YM_AUTOFREE char *defaults = defaults_canonical(d.fields);
    if (f->kind != YM_KIND_NONE && ym_library_read(f->e->p.store, f->path, &f->file, &f->err) == 0 &&
        f->file.exists && f->file.regular) {
        f->blank = is_blank(&f->file);
        int r = folder_err;
        if (r == 0 && !f->blank)
            r = text_check(&f->file, &f->err);
        if (r == 0 && !f->blank)
            r = f->name.cls == YM_NM_DOCUMENT ? document_parse(f, d.fields) : text_parse(f, d.fields);
        if (r == 0 && !f->blank && f->kind != YM_KIND_NONE)
            kind_named(f);
        if (r == 0 && !f->blank && f->kind != YM_KIND_NONE)
            r = refs_read(f);
        if (f->file.bytes && f->kind != YM_KIND_NONE) /* a plain document has no identity */
            identify(f, defaults);
        ym_assert(r == 0 || f->err.cls != YM_OK);
    }
    cJSON_Delete(d.fields);
}

static void inspect_done(struct ym_engine *e, void *ctx)
{
    struct inspection *i = ctx;
    decide(e, ym_steal(&i->f));
}

static void inspect_free(void *ctx)
{
    struct inspection *i = ctx;
    facts_free(i->f);
    free(i);
}

void inspect_start(struct ym_engine *e, const char *path, unsigned why, int again_idx)
{
    static const struct task_ops ops = {inspect_work, inspect_done, inspect_free};
    struct facts *f = ym_alloc(sizeof(*f));
    struct inspection *i = ym_alloc(sizeof(*i));
    i->f = f;
    f->e = e;
    f->path = ym_strdup(path);
    f->why = why;
    f->again_idx = again_idx;
    engine_task(e, &ops, i, false);
}

void placement_facts(const struct ym_store *s, const char *path, const char *text, size_t len,
                     char **ret_output_filename, bool *ret_sidecar)
{
    struct folders d;
    struct ym_err err;
    struct ym_span head = {0}, body;
    YM_AUTOJSON cJSON *raw = NULL, *own = NULL, *all = NULL;
    if (folders_read(s, path, &d, &err) == 0)
        *ret_sidecar = strcmp(ym_json_str_or(d.fields, "sidecar", "beside"), "off") != 0;
    if (text && ym_front_matter(text, len, &head, &body, &err) == 0 && head.len &&
        ym_yaml_parse(head.s, head.len, &raw, &err) == 0)
        ym_fields_check(raw, "front matter", &own, &err);
    all = ym_fields_merge(d.fields, own);
    const char *name = ym_json_str(all, "output_filename");
    *ret_output_filename = ym_strdup(name);
    cJSON_Delete(d.fields);
}
