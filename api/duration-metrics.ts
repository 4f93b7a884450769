import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Registry } from 'prom-client'
import type {
  ActivityOutcomeName,
  DiagnosticsMessages,
  DiagnosticsSource,
} from '../runtime/diagnostics.ts'
import { SeriesHistogram } from './series-histogram.ts'

const SHORT = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
const SIZES = [1, 4, 16, 64, 256, 1024, 4096, 16_384]
const LONG = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600]
const OUTCOMES: readonly ActivityOutcomeName[] = ['completed', 'failed', 'timed_out', 'cancelled']

/**
 * Register the histograms that are made of the messages of a runtime's diagnostics channels.
 *
 * @returns how to stop listening
 */
export function registerDurationMetrics(registry: Registry, source: DiagnosticsSource): () => void {
  const histogram = (
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly string[] = [],
  ): SeriesHistogram => new SeriesHistogram({ name, help, buckets, labelNames, registry })

  const ack = histogram(
    'signalbox_ack_duration_seconds',
    'From accepting an input to its being durable: that of the oldest of its commit, so at most a commit too long.',
    SHORT,
  ).series()
  const commit = histogram(
    'signalbox_commit_duration_seconds',
    'How long the journal took for a commit.',
    SHORT,
  ).series()
  const size = histogram('signalbox_commit_inputs', 'Inputs in a commit.', SIZES).series()
  const processing = histogram(
    'signalbox_processing_duration_seconds',
    'From accepting an input to the end of its turn: one of each commit stands for all of it.',
    [...SHORT, 30, 60, 300],
  ).series()
  const activities = histogram(
    'signalbox_activity_duration_seconds',
    'From scheduling an activity to its outcome, retries included, by outcome.',
    LONG,
    ['outcome'],
  )
  const byOutcome = new Map(OUTCOMES.map((outcome) => [outcome, activities.series({ outcome })]))

  const listeners: (() => void)[] = []
  const listen = <Name extends keyof DiagnosticsMessages>(
    name: Name,
    hear: (message: DiagnosticsMessages[Name]) => void,
  ): void => {
    const listener = (message: unknown): void => {
      const told = message as DiagnosticsMessages[Name]
      if (told.source === source) hear(told)
    }
    subscribe(name, listener)
    listeners.push(() => unsubscribe(name, listener))
  }
  listen('signalbox:commit', ({ inputs, durationMs, ackMs }) => {
    commit.add(durationMs / 1000)
    size.add(inputs)
    if (inputs > 0) ack.add(ackMs / 1000, inputs)
  })
  listen('signalbox:processed', ({ inputs, durationMs }) => {
    processing.add(durationMs / 1000, inputs)
  })
  listen('signalbox:activity', ({ outcome, durationMs }) => {
    byOutcome.get(outcome)?.add(durationMs / 1000)
  })
  return () => {
    for (const stop of listeners) stop()
  }
}
