const sdk = require('@temporalio/workflow')
const { used } = require('./used-exports.cjs')

/**
 * What `@temporalio/workflow` is to the workflow files of these tests when the SDK replays them: itself,
 * and it writes down what of it they use. A bundler makes each use of an import a look-up here.
 */
module.exports = new Proxy(sdk, {
  get(target, name, receiver) {
    if (typeof name === 'string') used.add(name)
    return Reflect.get(target, name, receiver)
  },
})
