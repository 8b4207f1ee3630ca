// What all files here share: where grip is, who asks, and on which kinds of channel.
export const url = process.env.GRIP_URL;
export const apiKey = process.env.GRIP_KEY;
export const kinds = ['openai', 'azure', 'anthropic', 'gemini'];
export const model = (kind, type = 'chat') => `${kind}-${type}`;
export const question = 'What is the weather?';

// What a model is called says nothing of its limits here, which is what the warnings are about.
globalThis.AI_SDK_LOG_WARNINGS = false;
