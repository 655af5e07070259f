"""dagsmith: predictor-based architecture search for recommender models."""
