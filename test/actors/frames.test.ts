import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Frame, FrameKind, FrameWriter, readFrames } from '../../actors/frames.ts'

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom(...Object.values(FrameKind)),
  flags: fc.integer({ min: 0, max: 255 }),
  actor: fc.integer({ min: 0, max: 65_535 }),
  run: whole,
  seq: whole,
  count: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  body: fc.oneof(
    { arbitrary: fc.uint8Array({ maxLength: 100 }), weight: 20 },
    {
      arbitrary: fc.integer({ min: 1, max: 200_000 }).map((n) => new Uint8Array(n).fill(n)),
      weight: 1,
    },
  ),
})

function write(writer: FrameWriter, { kind, flags, actor, run, seq, count, body }: Frame): number {
  return writer.write(kind, run, seq, count, body, flags, actor)
}

interface Plain extends Omit<Frame, 'body'> {
  readonly body: string
}

function plain(one: Frame): Plain {
  return { ...one, body: Buffer.from(one.body).toString('latin1') }
}

function read(message: Uint8Array): Plain[] {
  const frames: Plain[] = []
  readFrames(message, (one) => frames.push(plain(one)))
  return frames
}

describe('Frames', () => {
  test('what is written is what is read, in order, message after message', () => {
    fc.assert(
      fc.property(fc.array(fc.array(frame, { maxLength: 30 }), { maxLength: 5 }), (messages) => {
        const writer = new FrameWriter()
        for (const frames of messages) {
          const sizes = frames.map((one) => write(writer, one))
          expect(writer.length).toBe(sizes.reduce((sum, size) => sum + size, 0))
          const message = writer.take()
          expect(message.length).toBe(message.buffer.byteLength)
          expect(writer.length).toBe(0)
          expect(read(message)).toEqual(frames.map(plain))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('a message that was taken does not change when the writer goes on', () => {
    const writer = new FrameWriter()
    writer.write(FrameKind.inputs, 1, 2, 3, Uint8Array.of(1, 2, 3))
    const first = writer.take()
    writer.write(FrameKind.evict, 9, 9, 9, Uint8Array.of(9, 9, 9))
    expect(read(first)).toEqual([
      {
        kind: FrameKind.inputs,
        flags: 0,
        actor: 0,
        run: 1,
        seq: 2,
        count: 3,
        body: '\x01\x02\x03',
      },
    ])
  })

  test('a message may be a view into a larger buffer', () => {
    const writer = new FrameWriter()
    writer.write(FrameKind.progress, 5, 6, 7)
    const message = writer.take()
    const larger = new Uint8Array(message.length + 20)
    larger.set(message, 10)
    expect(read(larger.subarray(10, 10 + message.length))).toEqual(read(message))
  })
})
