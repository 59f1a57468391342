"""Release, grade and feedback on top of nbgrader; decides outside the student's process."""
