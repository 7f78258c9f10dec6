"""Answers each line of questions (spans and options in JSON) with the triplets of agent-lightning's adapter."""

import json
import logging
import sys
import warnings

import agentlightning.adapter.triplet as adapter
from agentlightning.types import Span

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


class OrderedSet:
    """A set in the order of insertion: the real one has any order, another one in each process."""

    def __init__(self, items=()):
        self.items = dict.fromkeys(items)

    def __sub__(self, other):
        return OrderedSet(item for item in self.items if item not in other.items)

    def __iter__(self):
        return iter(self.items)

    def __contains__(self, item):
        return item in self.items

    def add(self, item):
        self.items[item] = None


adapter.set = OrderedSet


def answer(question):
    spans = [Span.model_validate(span) for span in question["spans"]]
    if question["proxy"]:
        return adapter.LlmProxyTraceToTriplet().adapt(spans)
    match = question["llm_call_match"]
    tree = adapter.TraceTree.from_spans(spans)
    tree.repair_hierarchy()
    return tree.to_trajectory(
        agent_match=question["agent_match"],
        reward_match=adapter.RewardMatchPolicy(question["reward_match"]),
        final_reward=question["final_reward"],
        **({} if match is None else {"llm_call_match": match}),
    )


def in_words(question):
    try:
        triplets = answer(question)
        return '{"triplets": [%s]}' % ", ".join(triplet.model_dump_json() for triplet in triplets)
    except Exception as error:  # Whatever it raises is its answer.
        return json.dumps({"raised": f"{type(error).__name__}: {error}"[:200]})


for line in sys.stdin:
    print(in_words(json.loads(line)), flush=True)
