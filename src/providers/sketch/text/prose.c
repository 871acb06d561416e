/* Sentences from patterns: @w a word of the prompt, @t its title, @a an adjective, @n a noun, @v a verb. */
#include "text.h"

#include <ctype.h>

static const char hint[] = "*offline sketch: set GOOGLE_API_KEY and save again*";

/* clang-format off */
static const char *const adjectives[] = {"quiet", "clear", "early", "narrow", "warm", "distant", "patient", "bright", "steady", "soft", "small",
    "unexpected", "careful", "open", "long", "simple", "golden", "restless", "familiar", "slow"};
static const char *const nouns[] = {"light", "morning", "road", "window", "memory", "shore", "colour", "voice", "garden", "evening", "shadow",
    "river", "question", "silence", "detail", "corner", "season", "journey", "pattern", "horizon"};
static const char *const verbs[] = {"waits", "turns", "grows", "returns", "listens", "changes", "begins", "settles", "shines", "moves",
    "opens", "rests", "drifts", "holds", "answers"};
static const char *const sentences[] = {
    "there is a @a @n in every @w, and it is easy to overlook",
    "the @w @v where the @n meets the @a @n",
    "nobody had expected the @w to be so @a",
    "what matters about @w is not its size but the @a @n around it",
    "at first the @w seems @a; then the @n @v and everything looks different",
    "a @a @n and a @a @w belong together more than one would think",
    "between the @w and the @n lies a @a moment that @v by itself",
    "those who know @w well speak of its @a @n",
    "the @n @v, the @w @v, and for a while nothing else is needed",
    "it takes a @a eye to see how the @w @v",
    "even the @a @n has its place beside the @w",
    "with each @n the @w becomes a little more @a",
    "one @a @n is enough to remember @w by",
    "the best part of @w is the @n that @v just before it ends",
};
static const char *const headings[] = {"A @a beginning", "The @n and the @w", "What @v", "@a @w", "Looking closer", "The @a @n", "Where it @v"};
static const char *const lines[] = {
    "the @w @v beneath the @a @n", "a @a @n, a @a @w", "and still the @n @v", "o @a @w, o @a @n",
    "the @n remembers how it @v", "no @n so @a as this @w", "we left the @w for the @n", "it @v, it @v, and is gone",
};
static const char *const speech[] = {
    "Do you see the @w? It @v.", "I only see a @a @n.", "Then wait. The @n always @v before the @w does.",
    "You said the same about the @a @n.", "And was I wrong?", "No. The @w was @a, just as you said.",
    "Listen. There is the @n again.", "We should go before the @w @v.", "One more minute. It is so @a now.",
};
/* clang-format on */

#define PICK(list, r) (list)[rng_below((r), (int)YM_COUNT(list))]

static void put(struct ym_buf *out, const char *s, bool *capital)
{
    char c = *s;
    if (*capital && c)
        c = (char)((unsigned char)c < 0x80 ? toupper((unsigned char)c) : c);
    if (*s) {
        ym_buf_add(out, &c, 1);
        ym_buf_adds(out, s + 1);
        *capital = false;
    }
}

/* "a", but "an open ..." */
static void adjective(struct ym_buf *out, const char *word, bool *capital)
{
    size_t n = out->len;
    bool article = n >= 2 && out->data[n - 1] == ' ' && tolower((unsigned char)out->data[n - 2]) == 'a' &&
                   (n == 2 || !isalpha((unsigned char)out->data[n - 3]));
    if (article && strchr("aeiou", *word)) {
        out->len--;
        ym_buf_adds(out, "n ");
    }
    put(out, word, capital);
}

static void expand(struct ym_buf *out, const char *pattern, const struct topic *t, struct rng *r)
{
    bool capital = true;
    for (const char *p = pattern; *p; p++) {
        if (*p != '@' || !p[1]) {
            char one[2] = {*p, '\0'};
            put(out, one, &capital);
            continue;
        }
        switch (*++p) {
        case 'w':
            put(out, topic_word(t, r), &capital);
            break;
        case 'a':
            adjective(out, PICK(adjectives, r), &capital);
            break;
        case 'n':
            put(out, PICK(nouns, r), &capital);
            break;
        default:
            put(out, PICK(verbs, r), &capital);
            break;
        }
    }
}

void prose_sentence(struct ym_buf *out, const struct topic *t, struct rng *r)
{
    expand(out, PICK(sentences, r), t, r);
    ym_buf_adds(out, ".");
}

const char *prose_noun(struct rng *r)
{
    return PICK(nouns, r);
}

void prose_title(struct ym_buf *out, const struct topic *t, struct rng *r)
{
    expand(out, PICK(headings, r), t, r);
}

static void paragraph(struct ym_buf *out, const struct topic *t, struct rng *r, int n)
{
    const char *before = NULL;
    for (int i = 0; i < n; i++) { /* never the same pattern twice in a row */
        const char *s = PICK(sentences, r);
        while (s == before)
            s = PICK(sentences, r);
        ym_buf_adds(out, i ? " " : "");
        expand(out, s, t, r);
        ym_buf_adds(out, ".");
        before = s;
    }
    ym_buf_adds(out, "\n\n");
}

static void poem(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max)
{
    for (int verse = 0; verse < 3 && (verse == 0 || out->len < max); verse++) {
        for (int i = 0; i < 4; i++) {
            expand(out, lines[(size_t)(verse * 3 + i * 5 + rng_below(r, 2)) % YM_COUNT(lines)], t, r);
            ym_buf_adds(out, i < 3 ? "  \n" : "\n\n");
        }
    }
}

static void list(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max)
{
    for (int i = 1; i <= 8 && (i == 1 || out->len < max); i++) {
        ym_buf_addf(out, "%d. **", i);
        prose_title(out, t, r);
        ym_buf_adds(out, "**: ");
        prose_sentence(out, t, r);
        ym_buf_adds(out, "\n");
    }
    ym_buf_adds(out, "\n");
}

static void talk(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max)
{
    static const char *const names[] = {"Mara", "Jonas", "Ilse", "Tomas", "Nora", "Emil"};
    int a = rng_below(r, 6), b = (a + 1 + rng_below(r, 5)) % 6;
    ym_buf_adds(out, "*");
    prose_sentence(out, t, r);
    ym_buf_adds(out, "*\n\n");
    for (int i = 0; i < 10 && (i == 0 || out->len < max); i++) {
        ym_buf_addf(out, "**%s:** ", names[i % 2 ? b : a]);
        expand(out, speech[(size_t)i % YM_COUNT(speech)], t, r);
        ym_buf_adds(out, "\n\n");
    }
}

static void article(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max)
{
    paragraph(out, t, r, 3);
    for (int i = 0; i < 3 && out->len < max * 3 / 4; i++) {
        ym_buf_adds(out, "## ");
        prose_title(out, t, r);
        ym_buf_adds(out, "\n\n");
        paragraph(out, t, r, 3 + rng_below(r, 2));
        if (i == 1 && out->len < max / 2) {
            for (int k = 0; k < 3; k++) {
                ym_buf_adds(out, "- ");
                prose_sentence(out, t, r);
                ym_buf_adds(out, "\n");
            }
            ym_buf_adds(out, "\n");
        }
    }
}

void prose_write(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max)
{
    ym_buf_addf(out, "# %s\n\n", t->title);
    if (t->poem)
        poem(out, t, r, max);
    else if (t->talk)
        talk(out, t, r, max);
    else if (t->list)
        list(out, t, r, max);
    else
        article(out, t, r, max);
    ym_buf_adds(out, hint);
    ym_buf_adds(out, "\n");
}
