/** Names of exports of `@temporalio/workflow` that the code of one run has used: see watched-sdk.cjs. */
export declare const used: Set<string>
