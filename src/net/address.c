#include "address.h"
#include <arpa/inet.h>
#include <netinet/in.h>

/* IANA's special-purpose registry: everything in it that is not globally reachable. */
static const struct {
    uint32_t net;
    unsigned bits;
} v4_private[] = {
    {0x00000000, 8},  /* this network: Linux takes it for loopback */
    {0x0a000000, 8},  /* 10/8 */
    {0x64400000, 10}, /* 100.64/10, carrier NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, cloud metadata */
    {0xac100000, 12}, /* 172.16/12 */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* 192.168/16 */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool v4_is_private(uint32_t ip)
{
    for (size_t i = 0; i < YM_COUNT(v4_private); i++)
        if (((ip ^ v4_private[i].net) >> (32 - v4_private[i].bits)) == 0)
            return true;
    return false;
}

static uint32_t v4_at(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Only global unicast passes, and forms that carry an IPv4 address are judged by that one. */
static bool v6_is_private(const uint8_t *b)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
        return v4_is_private(v4_at(b + 12));
    if ((b[0] & 0xe0) != 0x20)
        return true;
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
        return v4_is_private(v4_at(b + 2));
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) /* 2001::/23: Teredo, benchmarks, ORCHID */
        return true;
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) /* documentation */
        return true;
    return b[0] == 0x3f && b[1] == 0xff && (b[2] & 0xf0) == 0; /* documentation */
}

bool ym_address_is_private(const void *sa)
{
    sa_family_t family;
    memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));
    if (family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        return v4_is_private(ntohl(in.sin_addr.s_addr));
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        return v6_is_private(in6.sin6_addr.s6_addr);
    }
    return true;
}

bool address_text_is_private(const char *ip)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, ip, &v4) == 1)
        return v4_is_private(ntohl(v4.s_addr));
    if (inet_pton(AF_INET6, ip, &v6) == 1)
        return v6_is_private(v6.s6_addr);
    return false;
}
