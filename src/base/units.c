/* Money: whole micro-dollars in, plain text out. */
#include <errno.h>
#include <string.h>
#include <ymago/base.h>

#define DOLLAR   INT64_C(1000000)
#define MAX_USD  INT64_C(1000000)
#define DECIMALS 6

int ym_money_parse(const char *text, ym_money *ret)
{
    const char *p = text;
    if (*p == '$')
        p++;
    int64_t whole = 0, part = 0;
    int digits = 0, decimals = 0;
    for (; *p >= '0' && *p <= '9'; p++, digits++) {
        whole = whole * 10 + (*p - '0');
        if (whole > MAX_USD)
            return -EINVAL;
    }
    if (digits == 0)
        return -EINVAL;
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++) {
            if (++decimals > DECIMALS)
                return -EINVAL;
            part = part * 10 + (*p - '0');
        }
        if (decimals == 0)
            return -EINVAL;
    }
    if (*p != '\0')
        return -EINVAL;
    for (; decimals < DECIMALS; decimals++)
        part *= 10;
    int64_t micro = whole * DOLLAR + part;
    if (micro > MAX_USD * DOLLAR)
        return -EINVAL;
    ret->micro_usd = micro;
    return 0;
}

int ym_money_from_double(double usd, ym_money *ret)
{
    if (!(usd >= 0.0 && usd <= (double)MAX_USD)) /* also refuses NaN */
        return -ERANGE;
    ret->micro_usd = (int64_t)(usd * (double)DOLLAR + 0.5);
    return 0;
}

const char *ym_money_format(ym_money m, char out[static 32])
{
    uint64_t abs = m.micro_usd < 0 ? -(uint64_t)m.micro_usd : (uint64_t)m.micro_usd;
    int n = snprintf(out, 32, "%s$%llu.%06llu", m.micro_usd < 0 ? "-" : "",
                     (unsigned long long)(abs / DOLLAR), (unsigned long long)(abs % DOLLAR));
    for (int keep = DECIMALS; keep > 2 && out[n - 1] == '0'; keep--)
        out[--n] = '\0';
    return out;
}

double ym_money_usd(ym_money m)
{
    return (double)m.micro_usd / (double)DOLLAR;
}
