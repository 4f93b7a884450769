import { ceilingScenarios } from './ceiling-scenarios.ts'
import { engineScenarios } from './engine-scenarios.ts'
import { scaleScenarios } from './scale-scenarios.ts'
import { groups, type Scenario } from './scenario.ts'
import { signalScenarios } from './signal-scenarios.ts'

/** Every scenario, ceilings first. */
export const scenarios: readonly Scenario[] = [
  ...ceilingScenarios,
  ...signalScenarios,
  ...engineScenarios,
  ...scaleScenarios,
]

export function findScenario(name: string): Scenario {
  const scenario = scenarios.find((scenario) => scenario.name === name)
  if (scenario === undefined) throw new UnknownScenarioError(name)
  return scenario
}

export class UnknownScenarioError extends Error {
  override name = 'UnknownScenarioError'

  constructor(name: string) {
    super(`There is no scenario or group ${name}; see --list.`)
  }
}

/**
 * The scenarios of these names and groups ('all' for every one) with the ceilings that they are compared
 * with, in the order of the list.
 */
export function withCeilings(names: readonly string[]): readonly Scenario[] {
  const wanted = new Set<string>()
  const add = ({ name, ceiling }: Scenario): void => {
    wanted.add(name)
    if (ceiling !== undefined) add(findScenario(ceiling))
  }
  for (const chosen of names.flatMap(scenariosOf)) add(chosen)
  return scenarios.filter(({ name }) => wanted.has(name))
}

function scenariosOf(name: string): readonly Scenario[] {
  if (name === 'all') return scenarios
  if (Object.hasOwn(groups, name)) return scenarios.filter(({ group }) => group === name)
  return [findScenario(name)]
}
