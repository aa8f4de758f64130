/*
 * Copyright The Lantern Authors.
 * SPDX-License-Identifier: MIT
 *
 * A ring buffer for bytes between an interrupt handler, which writes, and the main loop, which reads.
 */
#include <stdbool.h>
#include <stdint.h>

#define RING_SIZE 64u /* a power of two, so that the index wraps with a mask */

struct ring {
    volatile uint8_t head; /* where the next byte goes; changed by the writer only */
    volatile uint8_t tail; /* where the oldest byte is; changed by the reader only */
    uint8_t bytes[RING_SIZE];
};

bool ring_put(struct ring *ring, uint8_t byte)
{
    uint8_t next = (uint8_t)((ring->head + 1u) & (RING_SIZE - 1u));
    if (next == ring->tail) {
        return false; /* full: the byte is lost, and the caller counts it */
    }
    ring->bytes[ring->head] = byte;
    ring->head = next;
    return true;
}

bool ring_get(struct ring *ring, uint8_t *byte)
{
    if (ring->tail == ring->head) {
        return false;
    }
    *byte = ring->bytes[ring->tail];
    ring->tail = (uint8_t)((ring->tail + 1u) & (RING_SIZE - 1u));
    return true;
}
