"""The name that a case goes by: two words and a number, a new one for each, never twice in a room."""

from __future__ import annotations

import secrets

from bot.cases.accountability import store
from bot.kernel.db import Tx

_FIRST = """
Amber Ash Autumn Blue Bright Brown Calm Cedar Clear Copper Coral Crimson Dusky Early Evening Fern Forest
Golden Green Grey Hazel Indigo Ivory Jade Lake Late Lilac Marsh Meadow Misty Morning Moss Northern Olive
Pale Pearl Pine Plain Quiet Red River Rust Sand Silver Slate Snow Southern Spring Steel Still Stone Summer
Swift Umber Velvet Violet Western White Willow Winter
"""
_SECOND = """
Badger Beaver Bittern Bunting Buzzard Crane Curlew Dipper Dolphin Dove Dunlin Eagle Egret Eider Falcon Finch
Fox Gannet Goose Grebe Hare Harrier Hawk Heron Hoopoe Ibis Jackdaw Jay Kestrel Kite Lapwing Lark Linnet Lynx
Magpie Martin Merlin Nightjar Osprey Otter Owl Petrel Pipit Plover Puffin Quail Raven Redwing Robin Sandpiper
Seal Shrike Siskin Skua Sparrow Starling Stoat Stork Swallow Swan Teal Tern Thrush Wagtail Warbler Wigeon
"""
_WORDS = (tuple(_FIRST.split()), tuple(_SECOND.split()))
_NUMBERS = 90
_TRIES = 50


async def new(tx: Tx, room_key: str) -> str:
    """A pseudonym that no case in this room ever had."""
    for attempt in range(_TRIES):
        number = 10 + secrets.randbelow(_NUMBERS if attempt < _TRIES // 2 else 100 * _NUMBERS)
        first, second = (secrets.choice(words) for words in _WORDS)
        found = f"{first} {second} {number}"
        if await store.take_pseudonym(tx, room_key, found):
            return found
    raise RuntimeError("no free pseudonym was found")
