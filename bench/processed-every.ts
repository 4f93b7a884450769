/**
 * One signal of so many waits until it is processed and holds its place for so long. A load that only
 * waits for the disk would outrun the workflow until its mailbox is full.
 */
export const processedEvery = 16
