"""What clips without captions are taken for: actions in words, by the realigned space and by measures of joints."""

from inversion.recognition.actions import ACTIONS, Action
from inversion.recognition.recognizer import Guess, Recognition, known_actions, recognize

__all__ = ["ACTIONS", "Action", "Guess", "Recognition", "known_actions", "recognize"]
