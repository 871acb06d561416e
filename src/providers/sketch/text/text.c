/* The kind text: prose, or a document that follows a schema. */
#include "text.h"

#include <ctype.h>
#include <errno.h>

#include "sketch/kinds.h"

static const char *const empty_words[] = {
    "a", "an", "the", "of", "and", "or", "in", "on", "at", "to", "for", "with", "by", "from", "is", "are", "be", "as", "it",
    "its", "this", "that", "these", "those", "write", "make", "give", "me", "my", "your", "you", "i", "we", "please", "about",
    "into", "between", "through", "over", "under", "some", "any", "text", "short", "long", "one", "two", "three", "story", "poem", "list", "script",
    "dialogue", "article", "paragraph", "sentence", "words", "should", "must", "will", "can", "has", "have", "which", "who",
    "what", "how", "not", "no", "very", "json", "schema", "markdown", "describe", "create", "generate", "using", "use", NULL};

static bool one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

/* True for a word that only says what kind of text is wanted. */
static bool form_note(struct topic *t, const char *word)
{
    static const char *const poems[] = {"poem", "poems", "haiku", "verse", "sonnet", "song", "lyrics", "gedicht", NULL};
    static const char *const lists[] = {"list", "ideas", "names", "titles", "bullets", "steps", "tips", "liste", NULL};
    static const char *const talks[] = {"dialogue", "dialog", "script", "screenplay", "scene", "conversation", "drama", NULL};
    bool poem = one_of(word, poems), list = one_of(word, lists), talk = one_of(word, talks);
    t->poem |= poem;
    t->list |= list;
    t->talk |= talk;
    return poem || list || talk;
}

static void word_take(struct topic *t, const char *start, size_t len)
{
    char *word = ym_strndup(start, len);
    for (char *p = word; *p; p++)
        *p = (char)((unsigned char)*p < 0x80 ? tolower((unsigned char)*p) : *p);
    bool known = form_note(t, word) || len < 3 || len > 30 || one_of(word, empty_words);
    for (int i = 0; i < t->n && !known; i++)
        known = !strcmp(t->words[i], word);
    if (known || t->n == TOPIC_WORDS) {
        free(word);
        return;
    }
    t->words[t->n++] = word;
    size_t at = strlen(t->title);
    if (t->n <= 4 && at + len + 2 < sizeof(t->title)) {
        snprintf(t->title + at, sizeof(t->title) - at, "%s%s", at ? " " : "", word);
        char *first = &t->title[at ? at + 1 : 0];
        *first = (char)((unsigned char)*first < 0x80 ? toupper((unsigned char)*first) : *first);
    }
}

void topic_read(struct topic *t, const char *prompt)
{
    *t = (struct topic){.n = 0};
    size_t len = ym_utf8_valid(prompt, strlen(prompt));
    for (size_t i = 0, start = 0; i <= len; i++) {
        unsigned char c = i < len ? (unsigned char)prompt[i] : ' ';
        if (c >= 0x80 || isalnum(c) || (c == '-' && i > start))
            continue;
        if (i > start)
            word_take(t, prompt + start, i - start);
        start = i + 1;
    }
    if (t->n == 0) {
        t->words[t->n++] = ym_strdup("light");
        snprintf(t->title, sizeof(t->title), "Light");
    }
}

void topic_fini(struct topic *t)
{
    for (int i = 0; i < t->n; i++)
        free(t->words[i]);
}

const char *topic_word(const struct topic *t, struct rng *r)
{
    return t->words[rng_below(r, t->n)];
}

/* ---- the kind ---- */
static int document_make(const struct ym_call *call, const cJSON *schema, char **ret, struct ym_err *e)
{
    struct topic t;
    struct rng r = {rng_hash(call->req->prompt, strlen(call->req->prompt), sketch_seed(call->req))};
    cJSON *v = NULL;
    topic_read(&t, call->req->prompt);
    int rc = schema_make(schema, &t, &r, &v, e);
    topic_fini(&t);
    if (rc < 0)
        return rc;
    *ret = ym_json_print(v, true);
    cJSON_Delete(v);
    return 0;
}

int text_check(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *schema = ym_json_get(call->req->params, "schema");
    char *text = NULL;
    int rc = schema ? document_make(call, schema, &text, e) : 0;
    free(text);
    return rc;
}

int text_make(const struct ym_call *call, char **ret, bool *ret_json, struct ym_err *e)
{
    const cJSON *schema = ym_json_get(call->req->params, "schema");
    *ret_json = schema != NULL;
    if (schema)
        return document_make(call, schema, ret, e);
    struct topic t;
    struct ym_buf out;
    struct rng r = {rng_hash(call->req->prompt, strlen(call->req->prompt), sketch_seed(call->req))};
    double tokens = ym_json_num_or(call->req->params, "max_tokens", 700);
    ym_buf_init(&out, 1 << 20);
    topic_read(&t, call->req->prompt);
    prose_write(&out, &t, &r, (size_t)(clampd(tokens, 16, 4000) * 4));
    topic_fini(&t);
    *ret = ym_buf_steal(&out);
    return 0;
}
